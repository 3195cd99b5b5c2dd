// The hooks in components: what they show at first, after events, after trouble, and when shared.

import { act, createElement, StrictMode } from 'react';
import { create, type ReactTestRenderer } from 'react-test-renderer';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Message } from '../../src/index.js';
import { useChats, useConnection, useMessages, useTyping } from '../../src/react/index.js';
import { CHAT, ME, messageEvent, OTHER, type Scene, scene } from './client.js';
import { settled } from './clock.js';
import { json, refusal } from './server.js';

const MESSAGES = `GET /api/messages/getMessages/${CHAT}`;
const CHATS = 'GET /api/chat/getChats';

let mounted: ReactTestRenderer[] = [];

beforeEach(() => {
    (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
    const report = console.error;
    vi.spyOn(console, 'error').mockImplementation((...what: unknown[]) => {
        if (!String(what[0]).includes('react-test-renderer is deprecated')) {
            report(...what);
        }
    });
});

afterEach(async () => {
    await act(async () => mounted.splice(0).forEach((one) => one.unmount()));
    vi.restoreAllMocks();
    vi.useRealTimers();
});

/** Renders a hook; `now()` is what it gave last. */
async function show<T>(hook: () => T, strict = false): Promise<{ now(): T; renders(): number; unmount(): Promise<void> }> {
    let last: T;
    let renders = 0;
    const Component = (): null => {
        last = hook();
        renders++;
        return null;
    };
    let renderer!: ReactTestRenderer;
    await act(async () => {
        renderer = create(createElement(strict ? StrictMode : Component, null, strict && createElement(Component)));
    });
    mounted.push(renderer);
    await happened();
    return {
        now: () => last, renders: () => renders,
        unmount: () => act(async () => renderer.unmount()),
    };
}

async function happened(what: () => unknown = () => undefined): Promise<void> {
    await act(async () => {
        what();
        await settled();
    });
}

function message(n: number, more: Partial<Message> = {}): Message {
    return { chatId: CHAT, timeStamp: `2026-01-01T00:00:${10 + n}.000Z`, messageId: `m${n}`, senderId: OTHER,
             content: `text ${n}`, edited: false, editedAt: null, replyTo: null, reactions: [], ...more };
}

async function connected(): Promise<Scene> {
    const s = scene();
    s.server.on(MESSAGES, () => json(200, { messages: [message(2), message(1)] }));
    s.server.on(CHATS, () => json(200, { chats: [chat('a'), chat(CHAT)] }));
    await s.client.realtime.connect();
    await settled();
    return s;
}

function chat(chatId: string): object {
    return { chatId, chatName: `chat ${chatId}`, lastMessageTimestamp: null, lastMessage: null,
             createdAt: '2026-01-01T00:00:00.000Z', creator: OTHER, groupChat: false, unreadCount: 0 };
}

const contents = (messages: Message[]): string[] => messages.map(({ content }) => content);

test('useMessages: history, then events, in both kinds of mode', async () => {
    for (const strict of [false, true]) {
        const s = await connected();
        const hook = await show(() => useMessages(s.client, CHAT), strict);
        expect(hook.now()).toMatchObject({ loading: false, error: null, hasMore: false });
        expect(contents(hook.now().messages)).toEqual(['text 1', 'text 2']);
        const event = (id: string, more: object): void => s.server.socket.event(id, { chatId: CHAT, eventId: id, senderId: OTHER, ...more });
        await happened(() => event('e3', { type: 'SEND_MSG', messageId: 'm3', message: 'three', timeStamp: 't' }));
        await happened(() => event('e4', { type: 'REPLY', messageId: 'm4', message: 'four', timeStamp: 't', replyTo: { messageId: 'm3' } }));
        await happened(() => event('e5', { type: 'SEND_MSG', messageId: 'x', message: 'elsewhere', chatId: 'other' }));
        await happened(() => event('e6', { type: 'EDIT_MSG', messageId: 'm1', message: 'one', editedAt: 't' }));
        await happened(() => event('e7', { type: 'REACT', messageId: 'r1', parentMessageId: 'm1', message: '+1', timeStamp: 't' }));
        expect(contents(hook.now().messages)).toEqual(['one', 'text 2', 'three', 'four']);
        expect(hook.now().messages[0]).toMatchObject({ edited: true, editedAt: 't', reactions: [{ reactionId: 'r1', reaction: '+1' }] });
        await happened(() => event('e7b', { type: 'EDIT_MSG', messageId: 'm3', message: '3', editedAt: 't' }));
        expect(hook.now().messages[3]?.replyTo).toMatchObject({ content: '3', edited: true });
        await happened(() => event('e8', { type: 'DELETE_REACT', messageId: 'r1' }));
        await happened(() => event('e9', { type: 'DELETE_MSG', messageId: 'm3' }));
        expect(contents(hook.now().messages)).toEqual(['one', 'text 2', 'four']);
        expect(hook.now().messages[0]?.reactions).toEqual([]);
        expect(hook.now().messages[2]?.replyTo).toBeNull();
        const before = hook.renders();
        await happened(() => s.server.socket.event('u1', { type: 'TYPING', chatId: CHAT, senderId: OTHER }));
        expect(hook.renders()).toBe(before);
    }
});

test('useMessages: older pages, and what comes while a page is read', async () => {
    const s = await connected();
    const all = Array.from({ length: 120 }, (_, i) => message(120 - i));
    let hold: Promise<void> | undefined;
    s.server.on(MESSAGES, async ({ query }) => {
        const from = all.findIndex(({ messageId }) => messageId === query.get('lastMessage')) + 1;
        const page = all.slice(from, from + Number(query.get('size')));
        await hold;
        return json(200, { messages: page });
    });
    const hook = await show(() => useMessages(s.client, CHAT));
    expect(hook.now()).toMatchObject({ hasMore: true, messages: { length: 50 } });
    let go = (): void => undefined;
    hold = new Promise((done) => (go = done));
    await happened(() => hook.now().loadMore());
    await happened(() => hook.now().loadMore()); // one at a time
    expect(hook.now().loading).toBe(true);
    await happened(() => s.server.socket.event('e1', messageEvent(1, { messageId: 'new', message: 'new' })));
    expect(contents(hook.now().messages).at(-1)).toBe('new');
    hold = undefined;
    await happened(go);
    await happened(() => hook.now().loadMore());
    expect(contents(hook.now().messages)).toEqual([...all.map(({ content }) => content).reverse(), 'new']);
    expect(hook.now()).toMatchObject({ hasMore: false, loading: false });
    expect(s.server.of(`/api/messages/getMessages/${CHAT}`)).toHaveLength(3);
});

test('useMessages: an error, a reload, a resync, a first connection', async () => {
    const s = scene();
    s.server.on(MESSAGES, () => refusal(403, 'NOT_A_MEMBER'));
    const hook = await show(() => useMessages(s.client, CHAT));
    expect(hook.now()).toMatchObject({ messages: [], loading: false, error: { status: 403 } });
    let reads = 0;
    s.server.on(MESSAGES, () => json(200, { messages: [message(++reads)] }));
    await happened(() => hook.now().reload());
    expect(hook.now().error).toBeNull();
    await happened(() => void s.client.realtime.connect());
    expect(contents(hook.now().messages)).toEqual(['text 2']);
    await happened(() => s.server.socket.event('u1', { type: 'RESYNC', chats: ['other'] }));
    expect(reads).toBe(2);
    await happened(() => s.server.socket.event('u2', { type: 'RESYNC', chats: [CHAT] }));
    expect(contents(hook.now().messages)).toEqual(['text 3']);
});

test('useChats: the latest activity first, unread counted, names, joins and leaves', async () => {
    const s = await connected();
    const hook = await show(() => useChats(s.client));
    const names = (): string[] => hook.now().chats.map(({ chatId, unreadCount }) => `${chatId === CHAT ? 'b' : chatId} ${unreadCount}`);
    expect(names()).toEqual(['a 0', 'b 0']);
    await happened(() => s.server.socket.event('e1', messageEvent(1)));
    expect(names()).toEqual(['b 1', 'a 0']);
    expect(hook.now().chats[0]).toMatchObject({ lastMessage: 'text 1' });
    await happened(() => s.server.socket.event('e2', messageEvent(2, { chatId: 'a', senderId: ME })));
    expect(names()).toEqual(['a 0', 'b 1']);
    await happened(() => s.server.socket.event('e3', { type: 'CHAT_RENAMED', chatId: 'a', message: 'new name', eventId: 'e3' }));
    expect(hook.now().chats[0]?.chatName).toBe('new name');
    await happened(() => s.server.socket.event('e4', { type: 'DELETE_CHAT', chatId: 'a', eventId: 'e4' }));
    expect(names()).toEqual(['b 1']);
    s.server.on(CHATS, () => json(200, { chats: [chat('new'), chat(CHAT)] }));
    await happened(() => s.server.socket.event('e5', { type: 'NEW_CHAT', chatId: 'new', message: 'new', eventId: 'e5' }));
    expect(names()).toEqual(['new 0', 'b 0']);
    await happened(() => s.server.socket.event('e6', { type: 'USER_LEAVE', chatId: 'new', senderId: ME, eventId: 'e6' }));
    expect(names()).toEqual(['b 0']);
});

test.each([
    ['before', 7, 3], ['after', 8, 3],
])('useChats: a message that the server stores %s it counts for a page is counted once', async (_, lastSeq, unreadCount) => {
    const s = await connected();
    const hook = await show(() => useChats(s.client));
    let go = (): void => undefined;
    s.server.on(CHATS, async () => {
        await new Promise<void>((done) => (go = done));
        return json(200, { chats: [{ ...chat(CHAT), lastSeq, unreadCount: lastSeq - 5 }] });
    });
    await happened(() => hook.now().reload());
    await happened(() => s.server.socket.event('e8', messageEvent(8)));
    await happened(go);
    expect(hook.now()).toMatchObject({ loading: false, chats: [{ chatId: CHAT, unreadCount, lastSeq: 8 }] });
    expect(hook.now().chats).toHaveLength(1);
    await happened(() => s.server.socket.event('e9', messageEvent(9)));
    expect(hook.now().chats[0]).toMatchObject({ unreadCount: unreadCount + 1, lastMessage: 'text 9' });
});

test('useChats: a message that comes while more chats are read is counted once, and an edit that a page covers reads nothing', async () => {
    const s = await connected();
    const all = Array.from({ length: 60 }, (_, i) => ({ ...chat(`c${i}`), lastSeq: 4 }));
    let hold: Promise<void> | undefined;
    s.server.on(CHATS, async ({ query }) => {
        await hold;
        return json(200, { chats: all.slice(50 * Number(query.get('page'))).slice(0, 50) });
    });
    const hook = await show(() => useChats(s.client));
    let go = (): void => undefined;
    hold = new Promise((done) => (go = done));
    await happened(() => hook.now().loadMore());
    await happened(() => s.server.socket.event('e5', messageEvent(5, { chatId: 'c3' })));
    await happened(go);
    expect(hook.now().chats).toHaveLength(60);
    expect(hook.now().chats[0]).toMatchObject({ chatId: 'c3', unreadCount: 1, lastSeq: 5 });
    const reads = s.server.of('/api/chat/getChats').length;
    await happened(() => s.server.socket.event('e4', { type: 'EDIT_MSG', chatId: 'c4', messageId: 'm', eventId: 'e4', seq: 4 }));
    expect(s.server.of('/api/chat/getChats')).toHaveLength(reads);
    await happened(() => s.server.socket.event('e6', { type: 'EDIT_MSG', chatId: 'c4', messageId: 'm', eventId: 'e6', seq: 5 }));
    expect(s.server.of('/api/chat/getChats').length).toBeGreaterThan(reads);
});

test('useMessages: of messages that come while it reads, those older than the page are not put behind it', async () => {
    const s = await connected();
    let go = (): void => undefined;
    s.server.on(MESSAGES, async () => {
        await new Promise<void>((done) => (go = done));
        return json(200, { messages: [message(5), message(4)] });
    });
    const hook = await show(() => useMessages(s.client, CHAT));
    await happened(() => [3, 4, 5, 6].forEach((n) => (
        s.server.socket.event(`e${n}`, messageEvent(n, { messageId: `m${n}` })))));
    await happened(go);
    expect(contents(hook.now().messages)).toEqual(['text 4', 'text 5', 'text 6']);
});

test('useMessages: what is read because somebody looks moves the mark, what is read in the background does not', async () => {
    const s = scene();
    const page = Array.from({ length: 50 }, (_, i) => message(50 - i));
    s.server.on(MESSAGES, ({ query }) => json(200, { messages: query.get('lastMessage') ? [] : page }));
    const hook = await show(() => useMessages(s.client, CHAT));
    await happened(() => void s.client.realtime.connect());
    await happened(() => s.server.socket.event('u1', { type: 'RESYNC', chats: [CHAT] }));
    await happened(() => hook.now().reload());
    await happened(() => hook.now().loadMore());
    vi.stubGlobal('document', { visibilityState: 'hidden' });
    await happened(() => hook.now().reload());
    vi.unstubAllGlobals();
    expect(s.server.of(`/api/messages/getMessages/${CHAT}`).map(({ query }) => query.get('mark')))
        .toEqual([null, 'false', 'false', null, null, 'false']);
});

test('useChats: many events that need a reading are few readings', async () => {
    const s = await connected();
    await show(() => useChats(s.client));
    await happened(() => {
        for (let i = 0; i < 50; i++) {
            s.server.socket.event(`e${i}`, { type: 'EDIT_MSG', chatId: CHAT, messageId: 'm', eventId: `e${i}` });
        }
    });
    expect(s.server.of('/api/chat/getChats').length).toBeLessThanOrEqual(3);
});

test('useChats: what is shown stays shown when it is read again', async () => {
    const s = await connected();
    const all = Array.from({ length: 120 }, (_, i) => chat(`c${i}`));
    s.server.on(CHATS, ({ query }) => {
        const page = Number(query.get('page'));
        return json(200, { chats: all.slice(50 * page, 50 * (page + 1)) });
    });
    const hook = await show(() => useChats(s.client));
    await happened(() => hook.now().loadMore());
    expect(hook.now()).toMatchObject({ hasMore: true, chats: { length: 100 } });
    all[70] = { ...chat('c70'), lastMessage: 'mended' };
    await happened(() => s.server.socket.event('e1', { type: 'EDIT_MSG', chatId: 'c70', messageId: 'm', eventId: 'e1' }));
    expect(hook.now()).toMatchObject({ hasMore: true, chats: { length: 100 } });
    expect(hook.now().chats[70]?.lastMessage).toBe('mended');
    await happened(() => hook.now().loadMore());
    expect(hook.now()).toMatchObject({ hasMore: false, chats: { length: 120 } });
});

test('useTyping: who types, until a message or for 7 s', async () => {
    const s = await connected();
    const hook = await show(() => useTyping(s.client, CHAT));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const typing = (senderId: string): Promise<void> =>
        happened(() => s.server.socket.event('u1', { type: 'TYPING', chatId: CHAT, senderId }));
    await typing(ME);
    await typing('carl');
    await typing(OTHER);
    expect(hook.now()).toEqual(['carl', OTHER]);
    await happened(() => s.server.socket.event('e1', messageEvent(1)));
    expect(hook.now()).toEqual(['carl']);
    await happened(() => vi.advanceTimersByTime(6_999));
    expect(hook.now()).toEqual(['carl']);
    await happened(() => vi.advanceTimersByTime(1));
    expect(hook.now()).toEqual([]);
});

test('useConnection: as it is', async () => {
    const s = scene();
    const hook = await show(() => useConnection(s.client));
    expect(hook.now()).toBe('disconnected');
    await happened(() => void s.client.realtime.connect());
    expect(hook.now()).toBe('connected');
    await happened(() => s.server.socket.end(1006));
    expect(hook.now()).toBe('reconnecting');
    await act(() => s.clock.pass(1000));
    expect(hook.now()).toBe('connected');
    s.server.on('POST /api/auth/refresh', () => refusal(401, 'AUTH_INVALID_TOKEN'));
    await happened(() => s.server.socket.end(1008));
    expect(hook.now()).toBe('disconnected');
});

test('components that look at the same share one reading, and the last one to leave ends it', async () => {
    const s = await connected();
    const hooks = [await show(() => useMessages(s.client, CHAT)), await show(() => useMessages(s.client, CHAT))];
    expect(s.server.of(`/api/messages/getMessages/${CHAT}`)).toHaveLength(1);
    expect(hooks[0]?.now().messages).toBe(hooks[1]?.now().messages);
    await hooks[0]?.unmount();
    await happened(() => s.server.socket.event('e3', messageEvent(3)));
    expect(contents(hooks[1]?.now().messages ?? [])).toHaveLength(3);
    await hooks[1]?.unmount();
    s.server.socket.event('e4', messageEvent(4));
    const again = await show(() => useMessages(s.client, CHAT));
    expect(contents(again.now().messages)).toEqual(['text 1', 'text 2']);
});

test('whoever signs in next sees nothing of the user before, not even at first', async () => {
    const s = await connected();
    const before = await show(() => useChats(s.client));
    expect(before.now().chats).toHaveLength(2);
    await before.unmount();
    s.client.setAuth({ jwt: 'x', refreshToken: 'y', userId: OTHER });
    s.server.on(CHATS, () => json(200, { chats: [] }));
    const shown: number[] = [];
    await show(() => shown.push(useChats(s.client).chats.length));
    expect(new Set(shown)).toEqual(new Set([0]));
});
