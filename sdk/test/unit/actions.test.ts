// Actions: what is sent, when their promises settle, and what happens to them when connections end.

import { expect, test } from 'vitest';
import { WhispError } from '../../src/index.js';
import { CHAT, ME, type Scene, scene } from './client.js';
import { settled } from './clock.js';
import type { Frame, Socket } from './server.js';

let seq = 100;

/** The server stores what it is sent: the event, then the receipt. */
function store(socket: Socket, { headers, body }: Frame): void {
    const action = JSON.parse(body) as Record<string, string>;
    if (action.type === 'SEND_MSG' || action.type === 'REPLY') {
        socket.event(`e${++seq}`, { ...action, messageId: `m${seq}`, senderId: ME, recipientId: ME,
                                    timeStamp: 'now', eventId: `e${seq}`, seq });
    }
    socket.receipt(headers.receipt ?? '');
}

function refuse(socket: Socket, { headers, body }: Frame, code: string): void {
    const { type, chatId } = JSON.parse(body) as Record<string, string>;
    socket.event(`u${++seq}-1`, { type: 'ERROR', code, message: `Refused: ${code}.`, receipt: headers.receipt, request: { type, chatId } });
}

async function connected(onSend = store): Promise<Scene> {
    const s = scene();
    await s.client.realtime.connect();
    await settled();
    s.server.onSend = onSend;
    return s;
}

const silence = (): undefined => undefined;

/** pending, fulfilled or rejected, now. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
    await settled();
    return Promise.race([promise.then(() => 'fulfilled', () => 'rejected'), Promise.resolve('pending')]);
}

test('every action, in order or by name, is the documented frame', async () => {
    const s = await connected();
    const { realtime } = s.client;
    await realtime.sendMessage('c', 'x');
    await realtime.sendMessage({ chatId: 'c', message: 'x' });
    await realtime.replyToMessage('c', 'm', 'x');
    await realtime.replyToMessage({ chatId: 'c', messageId: 'm', message: 'x' });
    await realtime.editMessage('c', 'm', 'x');
    await realtime.editMessage({ chatId: 'c', messageId: 'm', message: 'x' });
    await realtime.deleteMessage('c', 'm');
    await realtime.deleteMessage({ chatId: 'c', messageId: 'm' });
    await realtime.sendTyping('c');
    await realtime.sendTyping({ chatId: 'c' });
    await realtime.addReaction('c', 'm', '+1');
    await realtime.addReaction({ chatId: 'c', messageId: 'm', reaction: '+1' });
    await realtime.removeReaction('r');
    await realtime.removeReaction({ reactionId: 'r' });
    await realtime.markAsRead('c', 'm');
    await realtime.markAsRead({ chatId: 'c', messageId: 'm' });
    const id = expect.stringMatching(/^.{20,64}$/) as string;
    const expected = [
        { type: 'SEND_MSG', chatId: 'c', message: 'x', clientMessageId: id },
        { type: 'REPLY', chatId: 'c', messageId: 'm', message: 'x', clientMessageId: id },
        { type: 'EDIT_MSG', chatId: 'c', messageId: 'm', message: 'x' },
        { type: 'DELETE_MSG', chatId: 'c', messageId: 'm' },
        { type: 'TYPING', chatId: 'c' },
        { type: 'REACT', chatId: 'c', messageId: 'm', reaction: '+1' },
        { type: 'DELETE_REACT', reactionId: 'r' },
        { type: 'READ_MSG', chatId: 'c', messageId: 'm' },
    ].flatMap((action) => [action, action]);
    const { sent } = s.server.socket;
    expect(sent.map(({ action }) => action)).toEqual(expected);
    expect(s.server.socket.of('SEND').every(({ headers }) => headers.destination === '/api/chat')).toBe(true);
    const ids = sent.flatMap(({ action }) => action.clientMessageId ?? []);
    expect(new Set(ids).size).toBe(4);
});

test('a message resolves with its event, whichever of event and receipt is first', async () => {
    const s = await connected(silence);
    const sending = s.client.realtime.sendMessage(CHAT, 'hello');
    await settled();
    const [{ receipt, action }] = s.server.socket.sent as [{ receipt: string; action: Record<string, string> }];
    s.server.socket.receipt(receipt);
    expect(await stateOf(sending)).toBe('pending');
    const event = { ...action, eventId: 'e9', seq: 9, messageId: 'm9' };
    s.server.socket.event('e9', event);
    expect(await sending).toEqual(event);
    expect(s.events('message')).toEqual([event]);
});

test('other actions resolve at their receipt, not before', async () => {
    const s = await connected(silence);
    const marking = s.client.realtime.markAsRead(CHAT, 'm');
    expect(await stateOf(marking)).toBe('pending');
    s.server.socket.receipt(s.server.socket.sent[0]?.receipt ?? '');
    expect(await marking).toBeUndefined();
});

test('the own clientMessageId is sent, and kept when it is sent again', async () => {
    const s = await connected(silence);
    void s.client.realtime.sendMessage(CHAT, 'a', { clientMessageId: 'mine' });
    void s.client.realtime.sendMessage({ chatId: 'another', message: 'b', clientMessageId: 'mine too' });
    await settled();
    s.server.socket.end(1006);
    await s.clock.pass(1000);
    expect(s.server.sockets).toHaveLength(2);
    for (const socket of s.server.sockets) {
        expect(socket.sent.map(({ action }) => action.clientMessageId)).toEqual(['mine', 'mine too']);
    }
});

test.each([
    ['NOT_A_MEMBER', 403], ['NOT_THE_SENDER', 403], ['CHAT_NOT_FOUND', 404], ['MESSAGE_NOT_FOUND', 404],
    ['INVALID_ID', 400], ['MESSAGE_TOO_LONG', 400], ['CLIENT_MESSAGE_MISMATCH', 409],
    ['APP_SUSPENDED', 403], ['PAYLOAD_TOO_LARGE', 413], ['INTERNAL', 500],
])('an ERROR event %s rejects with %d', async (code, status) => {
    const s = await connected((socket, frame) => refuse(socket, frame, code));
    const error = await s.client.realtime.sendMessage(CHAT, 'x').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WhispError);
    expect(error).toMatchObject({
        status, code, message: `Refused: ${code}.`, retryable: status === 500,
        body: { type: 'ERROR', code, request: { type: 'SEND_MSG', chatId: CHAT } },
    });
    expect(s.events('error')).toEqual([{ error }]);
});

test('what is not awaited and refused is an error event, never an unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    const s = await connected((socket, frame) => refuse(socket, frame, 'NOT_A_MEMBER'));
    void s.client.realtime.sendMessage(CHAT, 'x');
    void s.client.realtime.markAsRead(CHAT, 'm');
    await settled();
    void s.client.realtime.sendTyping(CHAT);
    s.client.realtime.disconnect();
    void s.client.realtime.sendMessage(CHAT, 'too late');
    void scene({ signedIn: false }).client.realtime.connect();
    await settled();
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
    expect(s.events('error').map(({ error }) => error.code)).toEqual(['NOT_A_MEMBER', 'NOT_A_MEMBER', 'NOT_CONNECTED']);
});

test('without a connection there is nothing to wait for', async () => {
    const s = scene();
    const expected = { code: 'NOT_CONNECTED', status: 0, retryable: false };
    await expect(s.client.realtime.sendMessage(CHAT, 'x')).rejects.toMatchObject(expected);
    await s.client.realtime.connect();
    const left = s.client.realtime.markAsRead(CHAT, 'm');
    s.client.realtime.disconnect();
    await expect(left).rejects.toMatchObject({ code: 'DISCONNECTED', retryable: true });
});

test('while it connects, actions wait and then go in order', async () => {
    const s = scene();
    s.server.onSend = store;
    s.server.onSubscribe = () => undefined;
    void s.client.realtime.connect();
    const sending = ['a', 'b', 'c'].map((text) => s.client.realtime.sendMessage(CHAT, text));
    await settled();
    expect(s.client.realtime.connected).toBe(true);
    expect(s.server.socket.sent).toEqual([]); // not while it resumes
    s.server.socket.event('r', { type: 'RESUMED', complete: true });
    const events = await Promise.all(sending);
    expect(events.map(({ message }) => message)).toEqual(['a', 'b', 'c']);
});

test('what a lost connection left unanswered is sent again, in order, and given once', async () => {
    let answers = 3;
    const s = await connected((socket, frame) => answers-- > 0 && store(socket, frame));
    const texts = ['a', 'b', 'c', 'd'];
    const sending = texts.map((text) => s.client.realtime.sendMessage(CHAT, text));
    void s.client.realtime.sendTyping(CHAT);
    await settled();
    s.server.socket.end(1006);
    sending.push(s.client.realtime.sendMessage(CHAT, 'e'));
    // It had stored "c"; the answer was lost. It tells on resuming, "d" it sees for the first time.
    const c = s.server.sockets[0]?.sent.find(({ action }) => action.message === 'c')?.action;
    s.server.onSend = store;
    s.server.onSubscribe = (socket) => {
        socket.event('e90', { ...c, messageId: 'm90', eventId: 'e90', seq: 90 });
        socket.event('r', { type: 'RESUMED', complete: true });
    };
    await s.clock.pass(1000);
    const events = await Promise.all(sending);
    expect(events.map(({ message }) => message)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(s.server.socket.sent.map(({ action }) => action.message)).toEqual(['d', 'e']);
    expect(s.events('message').map(({ message }) => message)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('an answer to what was sent again may be old, so it does not move the cursor', async () => {
    const s = await connected(silence);
    const sending = s.client.realtime.sendMessage(CHAT, 'a');
    await settled();
    s.server.socket.end(1006);
    await s.clock.pass(1000);
    const action = s.server.socket.sent[0]?.action;
    s.server.socket.event('e3', { ...action, eventId: 'e3', seq: 3 });
    await sending;
    s.server.socket.end(1006);
    await s.clock.pass(1000);
    expect(s.server.socket.of('SUBSCRIBE')[0]?.headers['last-event-id']).toBe('r2');
});

test('what no frame can hold is refused here, and holds nothing up', async () => {
    const s = await connected();
    const { realtime } = s.client;
    await expect(realtime.sendMessage(CHAT, '\u20ac'.repeat(41_000)))
        .rejects.toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE', retryable: false });
    expect((await realtime.sendMessage(CHAT, 'short')).message).toBe('short');
    expect(s.server.socket.sent).toHaveLength(1);
});

test('typing is for now: without a connection it goes nowhere', async () => {
    const s = await connected(silence);
    const typing = s.client.realtime.sendTyping(CHAT);
    await settled();
    s.server.socket.end(1006);
    await typing;
    await s.client.realtime.sendTyping(CHAT);
    await s.clock.pass(1000);
    expect(s.server.sockets).toHaveLength(2);
    expect(s.server.socket.sent).toEqual([]);
});

test('a server that is asked too much is asked more slowly, and nothing is lost or out of order', async () => {
    let tokens = 10;
    const s = await connected((socket, frame) => (
        tokens-- > 0 ? store(socket, frame) : refuse(socket, frame, 'RATE_LIMITED')));
    const texts = Array.from({ length: 40 }, (_, i) => String(i));
    const sending = Promise.all(texts.map((text) => s.client.realtime.sendMessage(CHAT, text)));
    for (let second = 0; second < 10; second++) {
        await s.clock.pass(1000);
        tokens = 10;
    }
    const events = await sending;
    expect(events.map(({ message }) => message)).toEqual(texts);
    expect(s.events('message').map(({ message }) => message)).toEqual(texts);
    expect(s.events('error')).toEqual([]);
    expect(s.server.socket.sent.length).toBeLessThan(40 + 32 + 10);
});

test('what is refused for now and tried again keeps its place in its chat; other chats go on', async () => {
    let refusals = 1;
    const s = await connected((socket, frame) => (
        frame.body.includes('"first"') && refusals-- > 0 ? refuse(socket, frame, 'OVERLOADED') : store(socket, frame)));
    const { realtime } = s.client;
    const sending = [
        realtime.sendMessage(CHAT, 'first'), realtime.sendMessage(CHAT.toUpperCase(), 'second'),
        realtime.editMessage(CHAT, 'm', 'third'), realtime.sendMessage('another', 'elsewhere'),
    ];
    await settled();
    expect(s.events('message').map(({ message }) => message)).toEqual(['elsewhere']);
    await s.clock.pass(2000);
    await Promise.all(sending);
    expect(s.server.socket.sent.map(({ action }) => action.message)).toEqual(['first', 'elsewhere', 'first', 'second', 'third']);
    expect(s.events('error')).toEqual([]);
});

test('a reaction that is taken back at once stays taken back, when taking it back is tried again', async () => {
    let refusals = 1;
    const s = await connected((socket, frame) => (
        frame.body.includes('DELETE_REACT') && refusals-- > 0 ? refuse(socket, frame, 'OVERLOADED') : store(socket, frame)));
    const done = Promise.all([s.client.realtime.removeReaction('r'), s.client.realtime.addReaction(CHAT, 'm', '+1')]);
    await s.clock.pass(2000);
    await done;
    expect(s.server.socket.sent.map(({ action }) => action.type)).toEqual(['DELETE_REACT', 'DELETE_REACT', 'REACT']);
});

test('a chat id in capitals is that of the event', async () => {
    const s = await connected((socket, frame) => (
        store(socket, { ...frame, body: frame.body.replace('ABCDEF', 'abcdef') })));
    expect(await s.client.realtime.sendMessage('00000000-0000-7000-8000-000000ABCDEF', 'x')).toMatchObject({ message: 'x' });
});

test.each([
    [1009, 413, 'PAYLOAD_TOO_LARGE'], [1002, 400, 'ACTION_REFUSED'], [1011, 400, 'ACTION_REFUSED'],
])('the action that ends two connections with %d is rejected, and all others are stored', async (code, status, name) => {
    const s = await connected((socket, frame) => (frame.body.includes('bad') ? socket.end(code) : store(socket, frame)));
    const { realtime } = s.client;
    const others = ['c1', 'c2', 'bad one', 'c3', 'c4'].map((chatId, i) => realtime.markAsRead(chatId, `m${i}`));
    const [bad] = others.splice(2, 1);
    const later = realtime.sendMessage(CHAT, 'after it');
    const outcome = bad?.then(() => 'stored', (reason: unknown) => reason);
    for (let n = 0; n < 5; n++) {
        await s.clock.pass(5000);
    }
    expect(await outcome).toMatchObject({ name: 'WhispError', status, code: name, retryable: false });
    await Promise.all(others);
    expect(await later).toMatchObject({ message: 'after it' });
    const times = s.server.sockets.flatMap(({ sent }) => sent).filter(({ action }) => action.chatId === 'bad one');
    expect(times).toHaveLength(2);
    expect(s.events('error').map(({ error }) => error.code)).toEqual([name]);
});

test('an action whose connection is lost again and again, for no fault of its own, is stored in the end', async () => {
    let losses = 6;
    const codes = [1006, 1012, 1013];
    const s = await connected((socket, frame) => (
        losses-- > 0 ? socket.end(codes[losses % 3] as number) : store(socket, frame)));
    const sending = s.client.realtime.sendMessage(CHAT, 'x');
    for (let n = 0; n < 10; n++) {
        await s.clock.pass(10_000);
    }
    expect(await sending).toMatchObject({ message: 'x' });
    expect(s.server.sockets).toHaveLength(7);
});

test('at most 32 are in flight, at most 1,000 wait', async () => {
    const s = await connected(silence);
    const sending = Array.from({ length: 1033 }, () => s.client.realtime.markAsRead(CHAT, 'm'));
    await settled();
    expect(s.server.socket.sent).toHaveLength(32);
    await expect(sending[1032]).rejects.toMatchObject({ code: 'OUTBOX_FULL', retryable: true });
    expect(await stateOf(sending[1031] as Promise<void>)).toBe('pending');
    s.server.socket.sent.forEach(({ receipt }) => s.server.socket.receipt(receipt));
    await settled();
    expect(s.server.socket.sent).toHaveLength(64);
});
