// Message history over REST: pages, cursors, marks and unread, edits, deletions, replies, reactions.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
    api, createApp, createChat, createUser, expectConventions, expectError, expectStatus, register,
    startServer, TIME, UNKNOWN_ID, UUID7,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const server = await startServer({ args: ['--message-rate', 'off'] });
after(() => server.stop());

let app;
let ann;
let bob;
let stranger;
let live; // ann's session
let bobLive;
before(async () => {
    app = await createApp(await register(server));
    [ann, bob, stranger] = [await createUser(app), await createUser(app), await createUser(app)];
    [live, bobLive] = [await connect(server, ann), await connect(server, bob)];
});
after(() => Promise.all([live?.close(), bobLive?.close()]));

const get = (user, chatId, query = '') =>
    api(user, 'GET', `/api/messages/getMessages/${chatId}${query}`);
const page = async (user, chatId, query) =>
    expectStatus(await get(user, chatId, query), 200).body.messages;
const texts = (messages) => messages.map((message) => message.content);
const newChat = async () => (await createChat(ann, bob)).chatId;
const unread = async (user, chatId) =>
    (await api(user, 'GET', '/api/chat/getChats?size=100')).body.chats
        .find((chat) => chat.chatId === chatId).unreadCount;
const seen = async (user, chatId) =>
    (await api(user, 'GET', `/api/chat/getUsers/${chatId}`)).body.users
        .find(({ userId }) => userId === user.id).lastSeenMessage;

/** Sends n messages by ann, '1' to 'n'; resolves with their ids, oldest first. */
async function fill(chatId, n) {
    const sent = Array.from({ length: n }, (_, i) => `${i + 1}`);
    await Promise.all(sent.map((message) => live.send({ type: 'SEND_MSG', chatId, message })));
    const found = [];
    for (const message of sent) {
        found.push((await live.next({ type: 'SEND_MSG', chatId, message })).messageId);
    }
    return found;
}

test('a chat without messages has an empty history', async () => {
    const res = expectStatus(await get(ann, await newChat()), 200);
    expectConventions(res);
    assert.deepEqual(res.body.messages, []);
});

test('a message has all documented fields', async () => {
    const chatId = await newChat();
    const event = await live.post(chatId, 'Hello, "wörld" 👋\n\\ \u2028');
    const [message] = await page(bob, chatId);
    assert.match(message.messageId, UUID7);
    assert.match(message.timeStamp, TIME);
    assert.deepEqual(message, {
        chatId, timeStamp: event.timeStamp, messageId: event.messageId, senderId: ann.id,
        content: 'Hello, "wörld" 👋\n\\ \u2028', edited: false, editedAt: null, senderName: ann.username, replyTo: null,
        reactions: [],
    });
});

test('pages come newest first, 50 by default, and go on before the cursor', async () => {
    const chatId = await newChat();
    const ids = await fill(chatId, 120);
    const expected = Array.from({ length: 120 }, (_, i) => `${120 - i}`);
    const first = await page(ann, chatId);
    assert.deepEqual(texts(first), expected.slice(0, 50));
    const second = await page(ann, chatId, `?lastMessage=${first.at(-1).messageId}`);
    assert.deepEqual(texts(second), expected.slice(50, 100));
    const third = await page(ann, chatId, `?size=50&lastMessage=${second.at(-1).messageId}`);
    assert.deepEqual(texts(third), expected.slice(100));
    assert.deepEqual(await page(ann, chatId, `?lastMessage=${ids[0]}`), []);
    assert.deepEqual(texts(await page(ann, chatId, '?size=100')), expected.slice(0, 100));
    assert.deepEqual(texts(await page(ann, chatId, `?size=1&lastMessage=${ids[7]}`)), ['7']);
    const times = (await page(ann, chatId, '?size=100')).map((m) => m.timeStamp);
    assert.deepEqual(times, [...times].sort().reverse());
});

test('a page has up to 1000 messages, and more is taken as 1000', async () => {
    const chatId = await newChat();
    await fill(chatId, 1010);
    const expected = Array.from({ length: 1000 }, (_, i) => `${1010 - i}`);
    for (const size of [1000, 1001, '99999999999999999999']) {
        assert.deepEqual(texts(await page(ann, chatId, `?size=${size}`)), expected, `size ${size}`);
    }
});

test('a page of very long texts ends early, and no message is lost by that', async () => {
    const chatId = await newChat();
    const long = '😀'.repeat(9_990);
    const sent = Array.from({ length: 450 }, (_, i) => `${i}${long}`);
    await Promise.all(sent.map((message) => live.send({ type: 'SEND_MSG', chatId, message })));
    const found = [];
    for (let at = ''; ;) {
        const messages = await page(ann, chatId, `?size=1000${at}`);
        if (!messages.length) {
            break;
        }
        assert.ok(messages.length < 450);
        found.push(...texts(messages));
        at = `&lastMessage=${messages.at(-1).messageId}`;
    }
    assert.equal(found.length, 450);
    assert.equal(new Set(found).size, 450);
});

test('a page that nobody looks at leaves the mark where it is', async () => {
    const chatId = await newChat();
    const ids = await fill(chatId, 3);
    assert.equal((await page(bob, chatId, '?mark=false')).length, 3);
    assert.equal(await unread(bob, chatId), 3);
    assert.equal(await seen(bob, chatId), null);
    await page(bob, chatId, '?mark=true');
    assert.equal(await unread(bob, chatId), 0);
    assert.equal(await seen(bob, chatId), ids[2]);
    assert.match(expectError(await get(bob, chatId, '?mark=no'), 400).message, /mark/);
});

test('a size out of range is a 400 that names it', async () => {
    const chatId = await newChat();
    for (const size of ['0', '00', '-1', 'x', '', '1e1', '1000x']) {
        assert.match(expectError(await get(ann, chatId, `?size=${size}`), 400).message, /size/);
    }
});

test('a cursor that is no message of this chat is a 400', async () => {
    const [chatId, other] = [await newChat(), await newChat()];
    const [theirs] = await fill(other, 1);
    await fill(chatId, 2);
    for (const cursor of [theirs, UNKNOWN_ID]) {
        expectError(await get(ann, chatId, `?lastMessage=${cursor}`), 400, 'UNKNOWN_CURSOR');
    }
    const { message } = expectError(await get(ann, chatId, '?lastMessage=x'), 400);
    assert.match(message, /lastMessage/);
});

test('deleted messages do not appear, and are still good cursors', async () => {
    const chatId = await newChat();
    const ids = await fill(chatId, 5);
    for (const messageId of [ids[2], ids[4]]) {
        await live.send({ type: 'DELETE_MSG', chatId, messageId });
    }
    assert.deepEqual(texts(await page(bob, chatId)), ['4', '2', '1']);
    assert.deepEqual(texts(await page(bob, chatId, `?lastMessage=${ids[2]}`)), ['2', '1']);
    assert.deepEqual(texts(await page(bob, chatId, `?lastMessage=${ids[4]}`)), ['4', '2', '1']);
    assert.deepEqual(texts(await page(bob, chatId, '?size=2')), ['4', '2']);
});

test('an edited message shows its new text and when', async () => {
    const chatId = await newChat();
    const [messageId] = await fill(chatId, 1);
    const before = (await page(bob, chatId))[0];
    const [event] = await Promise.all([
        live.next({ type: 'EDIT_MSG', messageId }),
        live.send({ type: 'EDIT_MSG', chatId, messageId, message: 'better' }),
    ]);
    const [message] = await page(bob, chatId);
    assert.deepEqual(message,
                     { ...before, content: 'better', edited: true, editedAt: event.editedAt });
    assert.match(message.editedAt, TIME);
});

test('a reply shows the original as it is now, and null once that is deleted', async () => {
    const chatId = await newChat();
    const original = await live.post(chatId, 'original');
    const { messageId } = original;
    await bobLive.send({ type: 'REPLY', chatId, messageId, message: 'I agree!' });
    const replyTo = async () => (await page(ann, chatId)).find((m) => m.content === 'I agree!').replyTo;
    assert.deepEqual(await replyTo(), {
        chatId, timeStamp: original.timeStamp, messageId, senderId: ann.id, content: 'original',
        edited: false, editedAt: null,
    });
    await live.send({ type: 'EDIT_MSG', chatId, messageId, message: 'edited original' });
    const edited = await replyTo();
    assert.equal(edited.content, 'edited original');
    assert.equal(edited.edited, true);
    assert.match(edited.editedAt, TIME);
    await live.send({ type: 'DELETE_MSG', chatId, messageId });
    assert.equal(await replyTo(), null);
});

test('reactions are listed with the message until they are taken back', async () => {
    const chatId = await newChat();
    const { messageId } = await live.post(chatId, 'react to me');
    const react = (session, reaction) => session.send({ type: 'REACT', chatId, messageId, reaction });
    await react(live, '👍');
    await react(bobLive, '👍');
    await react(bobLive, '🎈');
    await react(bobLive, '🎈');
    const reactions = async () => (await page(ann, chatId))[0].reactions;
    const list = await reactions();
    assert.deepEqual(list.map((r) => [r.senderId, r.reaction]),
                     [[ann.id, '👍'], [bob.id, '👍'], [bob.id, '🎈']]);
    for (const reaction of list) {
        assert.deepEqual(Object.keys(reaction).sort(),
                         ['chatId', 'createdAt', 'messageId', 'reaction', 'reactionId', 'senderId']);
        assert.match(reaction.reactionId, UUID7);
        assert.match(reaction.createdAt, TIME);
        assert.equal(reaction.chatId, chatId);
        assert.equal(reaction.messageId, messageId);
    }
    await bobLive.send({ type: 'DELETE_REACT', reactionId: list[1].reactionId });
    assert.deepEqual((await reactions()).map((r) => r.reactionId),
                     [list[0].reactionId, list[2].reactionId]);
});

test('reading a page marks it as read', async () => {
    const chatId = await newChat();
    const ids = await fill(chatId, 5);
    assert.equal(await unread(bob, chatId), 5);
    assert.equal(await unread(ann, chatId), 0);
    assert.equal(await seen(bob, chatId), null);
    await page(bob, chatId, '?size=2');
    assert.equal(await unread(bob, chatId), 0);
    assert.equal(await seen(bob, chatId), ids[4]);
    await fill(chatId, 2);
    assert.equal(await unread(bob, chatId), 2);
});

test('an older page moves the mark only forward', async () => {
    const chatId = await newChat();
    const ids = await fill(chatId, 6);
    await page(bob, chatId, `?size=2&lastMessage=${ids[3]}`);
    assert.equal(await seen(bob, chatId), ids[2]);
    assert.equal(await unread(bob, chatId), 3);
    await page(bob, chatId, `?size=2&lastMessage=${ids[2]}`);
    assert.equal(await seen(bob, chatId), ids[2]);
    await page(bob, chatId);
    await page(bob, chatId, `?size=2&lastMessage=${ids[3]}`);
    assert.equal(await seen(bob, chatId), ids[5]);
    assert.equal(await unread(bob, chatId), 0);
});

test('READ_MSG moves the mark over realtime, and unread counts the rest', async () => {
    const chatId = await newChat();
    const ids = await fill(chatId, 4);
    await bobLive.send({ type: 'READ_MSG', chatId, messageId: ids[1] });
    assert.equal(await unread(bob, chatId), 2);
    assert.equal(await seen(bob, chatId), ids[1]);
    await bobLive.send({ type: 'READ_MSG', chatId, messageId: ids[0] });
    assert.equal(await seen(bob, chatId), ids[1]);
    await live.send({ type: 'DELETE_MSG', chatId, messageId: ids[3] });
    assert.equal(await unread(bob, chatId), 1);
});

test('sending moves no mark', async () => {
    const chatId = await newChat();
    await fill(chatId, 2);
    await bobLive.post(chatId, 'mine');
    assert.equal(await seen(bob, chatId), null);
    assert.equal(await unread(bob, chatId), 2);
    assert.equal(await unread(ann, chatId), 1);
});

test('HEAD has no side effects', async () => {
    const chatId = await newChat();
    await fill(chatId, 2);
    const res = expectStatus(await api(bob, 'HEAD', `/api/messages/getMessages/${chatId}`), 200);
    assert.equal(res.text, '');
    assert.equal(await seen(bob, chatId), null);
    assert.equal(await unread(bob, chatId), 2);
});

test('only members read, and each refusal says why', async () => {
    const chatId = await newChat();
    await fill(chatId, 1);
    expectError(await get(stranger, chatId), 403, 'NOT_A_MEMBER');
    expectError(await get(stranger, UNKNOWN_ID), 404, 'CHAT_NOT_FOUND');
    expectError(await get(stranger, 'x'), 400, 'INVALID_ID');
    expectError(await get(server, chatId), 401, 'AUTH_MISSING_TOKEN');
    expectError(await get(app.key, chatId), 401, 'AUTH_MISSING_TOKEN');
});

test('what a receipt has confirmed, the next read of anyone sees', async () => {
    const chatId = await newChat();
    for (let i = 0; i < 20; i++) {
        await live.send({ type: 'SEND_MSG', chatId, message: `m${i}` });
        assert.equal((await page(bob, chatId, '?size=1'))[0].content, `m${i}`);
    }
});

test('history outlives kill -9 as confirmed', async () => {
    const chatId = await newChat();
    await fill(chatId, 30);
    const before = await page(ann, chatId);
    await server.kill9();
    await server.restart();
    assert.deepEqual(await page(ann, chatId), before);
    assert.deepEqual(texts(before), Array.from({ length: 30 }, (_, i) => `${30 - i}`));
});
