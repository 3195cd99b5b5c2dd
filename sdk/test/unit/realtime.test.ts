// Keeping the connection: coming back, when, from where, and when not.

import { expect, test, vi } from 'vitest';
import { WhispClient, WhispRealtime } from '../../src/index.js';
import { CHAT, ME, messageEvent, OTHER, type Scene, scene } from './client.js';
import { settled } from './clock.js';
import { json, refusal, type Socket } from './server.js';

async function connected(options?: Parameters<typeof scene>[0]): Promise<Scene> {
    const s = scene(options);
    await s.client.realtime.connect();
    await settled();
    return s;
}

/** The header of the newest SUBSCRIBE. */
const cursorOf = (socket: Socket): string | undefined => socket.of('SUBSCRIBE')[0]?.headers['last-event-id'];

/** The connection is lost, and the client is back. */
async function lost(s: Scene, code = 1006, reason = ''): Promise<void> {
    s.server.socket.end(code, reason);
    await s.clock.pass(30_000);
}

test('connecting: a ticket, STOMP with the JWT, a subscription, events', async () => {
    const s = await connected();
    const { socket } = s.server;
    expect(socket.url).toBe('ws://chat.test/api/wsConnect?ticket=t1');
    expect(socket.of('CONNECT')[0]?.headers.Authorization).toBe(`Bearer ${s.client.getAuth()?.jwt}`);
    expect(socket.of('SUBSCRIBE')[0]?.headers).toMatchObject({ destination: '/user/queue/messages' });
    expect(s.client.realtime.connected).toBe(true);
    const event = messageEvent(1);
    socket.event('e1', event);
    expect(s.seen).toEqual([
        { name: 'connected', event: { reconnected: false } }, { name: 'message', event },
    ]);
});

test('connect() again is the same connection', async () => {
    const s = scene();
    await Promise.all([s.client.realtime.connect(), s.client.realtime.connect()]);
    await s.client.realtime.connect();
    expect(s.server.sockets).toHaveLength(1);
});

test('connect() while it waits to come back tries at once', async () => {
    const s = await connected();
    s.server.socket.end(1006);
    await settled();
    expect(s.client.realtime.connected).toBe(false);
    await s.client.realtime.connect(); // no time passes
    expect(s.client.realtime.connected).toBe(true);
    expect(s.server.sockets).toHaveLength(2);
});

test('every type of event has its name, unknown ones are left alone', async () => {
    const s = await connected();
    const types = {
        SEND_MSG: 'message', EDIT_MSG: 'messageEdited', DELETE_MSG: 'messageDeleted', REPLY: 'reply',
        TYPING: 'typing', REACT: 'reaction', DELETE_REACT: 'reactionDeleted', READ_MSG: 'messageRead',
        USER_JOIN: 'userJoined', USER_LEAVE: 'userLeft', NEW_CHAT: 'chatCreated',
        DELETE_CHAT: 'chatDeleted', CHAT_RENAMED: 'chatRenamed', PRESENCE: 'presence', NEWS_OF_1999: undefined,
    };
    s.seen.length = 0;
    Object.keys(types).forEach((type, i) => s.server.socket.event(`u${i}`, { type }));
    expect(s.seen.map(({ name, event }) => [(event as { type: string }).type, name]))
        .toEqual(Object.entries(types).filter(([, name]) => name));
});

test('listeners: unsubscribed, removed by name, removed all, one that throws', async () => {
    const s = await connected();
    const { realtime } = s.client;
    const reported = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const calls: string[] = [];
    const off = realtime.on('typing', () => calls.push('a'));
    realtime.on('typing', () => {
        throw new Error('of a listener');
    });
    realtime.on('typing', () => calls.push('b'));
    const typing = { type: 'TYPING', chatId: CHAT, recipientId: ME, senderId: OTHER };
    s.server.socket.event('u1', typing);
    off();
    off();
    await settled();
    expect(reported.mock.calls.map((args) => args.at(-1) as unknown)).toEqual([new Error('of a listener')]);
    reported.mockRestore();
    expect(calls).toEqual(['a', 'b']);
    realtime.removeAllListeners('typing');
    realtime.on('typing', () => calls.push('c'));
    s.server.socket.event('u2', typing);
    expect(calls).toEqual(['a', 'b', 'c']);
    realtime.removeAllListeners();
    s.server.socket.event('u3', typing);
    expect(calls).toEqual(['a', 'b', 'c']);
});

test('off() takes back what on() did; the same handler twice is called once', async () => {
    const s = await connected();
    const { realtime } = s.client;
    expect(realtime).toBeInstanceOf(WhispRealtime);
    const calls: string[] = [];
    const handler = (): void => void calls.push('a');
    realtime.on('typing', handler);
    realtime.on('typing', handler);
    realtime.on('message', handler);
    const typing = { type: 'TYPING', chatId: CHAT, recipientId: ME, senderId: OTHER };
    s.server.socket.event('u1', typing);
    expect(calls).toEqual(['a']);
    realtime.off('typing', handler);
    realtime.off('typing', handler);
    realtime.off('reply', handler);
    s.server.socket.event('u2', typing);
    expect(calls).toEqual(['a']);
    s.server.socket.event('e1', messageEvent(1));
    expect(calls).toEqual(['a', 'a']);
});

test('an asynchronous handler that fails is reported, never an unhandled rejection', async () => {
    const s = await connected();
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    const reported = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    s.client.realtime.on('typing', async () => Promise.reject(new Error('later')));
    s.server.socket.event('u1', { type: 'TYPING', chatId: CHAT, recipientId: ME, senderId: OTHER });
    await settled();
    expect(reported.mock.calls.map((args) => args.at(-1) as unknown)).toEqual([new Error('later')]);
    expect(unhandled).toEqual([]);
    process.off('unhandledRejection', listen);
    reported.mockRestore();
});

test('a reply whose original was deleted meanwhile has one without a text', async () => {
    const s = await connected();
    s.server.socket.event('e1', messageEvent(1, { type: 'REPLY', replyTo: null }));
    expect(s.events('reply')[0]?.replyTo).toMatchObject({ chatId: CHAT, messageId: '', content: '', deleted: true });
});

test('what cannot be read ends the connection, and it comes back', async () => {
    const s = await connected();
    s.server.socket.say('MESSAGE', { 'message-id': 'e1' }, '{"type":');
    expect(s.client.realtime.connected).toBe(false);
    await s.clock.pass(1000);
    expect(s.client.realtime.connected).toBe(true);
});

// ---------------------------------------------------------------- when

test('a lost connection comes back by itself, with a new ticket', async () => {
    const s = await connected();
    await lost(s);
    expect(s.client.realtime.connected).toBe(true);
    expect(s.server.sockets.map(({ url }) => new URL(url).search)).toEqual(['?ticket=t1', '?ticket=t2']);
    expect(s.seen.slice(1)).toEqual([
        { name: 'disconnected', event: { reason: 'closed with 1006', willReconnect: true } },
        { name: 'reconnecting', event: { attempt: 1, delay: 250 } },
        { name: 'connected', event: { reconnected: true } },
        { name: 'resumed', event: { type: 'RESUMED', complete: true } },
    ]);
});

test.each([
    [0.1, [50, 100, 200, 400, 800, 1600, 3000, 3000]],
    [0.5, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]],
    [0.999, [500, 999, 1998, 3996, 7992, 15_984, 29_970, 29_970]],
])('delays are a random part (%d) of a window that doubles up to 30 s', async (chance, delays) => {
    const s = await connected();
    s.clock.chance = chance;
    s.server.reachable = false;
    s.server.socket.end(1006);
    for (const [i, delay] of delays.entries()) {
        await settled();
        expect(s.events('reconnecting').at(-1)).toEqual({ attempt: i + 1, delay });
        await s.clock.pass(delay);
    }
});

test('a connection that held for 10 s starts the delays anew, a shorter one does not', async () => {
    const s = await connected();
    for (const held of [5_000, 5_000, 5_000, 11_000, 5_000]) {
        await s.clock.pass(held);
        s.server.socket.end(1006);
        await settled();
        await s.clock.pass(s.events('reconnecting').at(-1)?.delay ?? 0);
        await settled();
    }
    expect(s.events('reconnecting').map(({ delay }) => delay)).toEqual([250, 500, 1000, 250, 500]);
});

test.each([
    ['retry-after=8', 4000], ['retry-after=0', 0], ['', 250], ['retry-after=soon', 250],
])('restarting (1012, "%s") means a random part of those seconds', async (reason, delay) => {
    const s = await connected();
    s.server.socket.end(1012, reason);
    await settled();
    expect(s.events('disconnected')).toEqual([{ reason: 'the server is restarting', willReconnect: true }]);
    expect(s.events('reconnecting')).toEqual([{ attempt: 1, delay }]);
});

test('Retry-After of the ticket is waited for, and then some', async () => {
    const s = await connected();
    s.server.on('GET /api/auth/getTicket', () => refusal(503, 'DRAINING', { 'retry-after': '20' }));
    s.server.socket.end(1006);
    await s.clock.pass(300);
    expect(s.events('reconnecting').map(({ delay }) => delay)).toEqual([250, 20_500]);
    expect(s.events('error')[0]?.error).toMatchObject({ status: 503, code: 'DRAINING' });
});

test('not allowed (1008) and signed out is the end', async () => {
    const s = await connected();
    s.server.on('POST /api/auth/refresh', () => refusal(401, 'AUTH_INVALID_TOKEN'));
    const left = s.client.realtime.sendMessage(CHAT, 'x');
    await settled();
    await lost(s, 1008, 'signed out');
    await expect(left).rejects.toMatchObject({ status: 401, code: 'SESSION_CLOSED', retryable: false });
    expect(s.client.realtime.connected).toBe(false);
    expect(s.server.sockets).toHaveLength(1);
    expect(s.events('disconnected')).toEqual([{ reason: 'signed out', willReconnect: false }]);
    expect(s.clock.timers).toBe(0);
    s.client.setAuth(scene().client.getAuth());
    await s.client.realtime.connect();
    expect(s.server.sockets).toHaveLength(2);
});

test.each([
    ['over', 401, 'AUTH_INVALID_TOKEN', false], ['good', 403, 'APP_SUSPENDED', true], ['unknown', 503, 'DRAINING', true],
])('not allowed, and the sign-in is %s: known when `disconnected` comes', async (_, status, code, isGood) => {
    const s = await connected();
    s.server.on('POST /api/auth/refresh', () => refusal(status, code));
    const known: boolean[] = [];
    s.client.realtime.on('disconnected', () => known.push(s.client.isAuthenticated));
    s.server.socket.end(1008);
    const again = s.client.realtime.connect(); // while that is asked
    await (isGood ? s.clock.pass(1000).then(() => again)
        : expect(again).rejects.toMatchObject({ code: 'SESSION_CLOSED' }));
    expect(known).toEqual([isGood]);
    expect(s.events('disconnected').map(({ willReconnect }) => willReconnect)).toEqual([isGood]);
    expect(s.client.isAuthenticated).toBe(isGood);
    expect(s.client.realtime.connected).toBe(isGood);
});

test('the app is suspended: nothing is lost, and it comes back once that is over', async () => {
    const s = await connected();
    const suspended = (): Response => refusal(403, 'APP_SUSPENDED');
    s.server.on('POST /api/auth/refresh', suspended);
    s.server.on('GET /api/auth/getTicket', suspended);
    s.server.socket.end(1008, 'the app is suspended');
    const waiting = s.client.realtime.sendMessage(CHAT, 'x');
    await s.clock.pass(300_000);
    expect(s.client.realtime.connected).toBe(false);
    expect(s.client.isAuthenticated).toBe(true);
    s.server.on('GET /api/auth/getTicket', () => json(200, { ticket: 'good' }));
    await s.clock.pass(30_000);
    expect(s.client.realtime.connected).toBe(true);
    expect(s.events('resumed')).toHaveLength(1);
    expect(s.server.socket.sent.map(({ action }) => action.message)).toEqual(['x']);
    void waiting;
});

test('an ERROR frame and 1008 while it comes back is tried again as long as the sign-in is good', async () => {
    const s = await connected();
    s.server.on('POST /api/auth/refresh', () => refusal(503, 'DRAINING'));
    const { frame } = s.server;
    s.server.frame = (socket) => {
        socket.say('ERROR', { message: 'Not now.' }, 'Not now.');
        socket.end(1008, 'Not now.');
    };
    await lost(s);
    expect(s.client.realtime.connected).toBe(false);
    s.server.frame = frame;
    await s.clock.pass(30_000);
    expect(s.client.realtime.connected).toBe(true);
});

test.each([
    ['too large', 1009], ['our fault', 1011], ['too slow', 1013], ['gone away', 1001], ['closed', 1000],
])('%s (%d) comes back', async (_, code) => {
    const s = await connected();
    await lost(s, code);
    expect(s.client.realtime.connected).toBe(true);
});

test('a sign-in that is over ends it: 401, signed out, no further try', async () => {
    const s = await connected();
    s.server.on('GET /api/auth/getTicket', () => refusal(401, 'AUTH_INVALID_TOKEN'));
    s.server.on('POST /api/auth/refresh', () => refusal(401, 'AUTH_INVALID_TOKEN'));
    await lost(s);
    expect(s.client.isAuthenticated).toBe(false);
    expect(s.events('disconnected').map(({ willReconnect }) => willReconnect)).toEqual([true, false]);
    expect(s.events('error').map(({ error }) => error.status)).toEqual([401]);
    expect(s.clock.timers).toBe(0);
});

test('the device goes offline: dropped at once; online: back at once', async () => {
    const s = await connected();
    s.server.reachable = false;
    s.clock.network(false);
    expect(s.client.realtime.connected).toBe(false);
    await s.clock.pass(120_000);
    expect(s.events('disconnected')).toEqual([{ reason: 'offline', willReconnect: true }]);
    s.server.reachable = true;
    s.clock.network(true);
    await settled();
    expect(s.client.realtime.connected).toBe(true);
});

test('a server that is silent while connecting is left, and tried again', async () => {
    const s = await connected();
    const { frame } = s.server;
    s.server.frame = () => undefined;
    s.server.socket.end(1006);
    await s.clock.pass(10_000);
    expect(s.server.sockets).toHaveLength(2);
    s.server.frame = frame;
    await s.clock.pass(20_000);
    expect(s.client.realtime.connected).toBe(true);
    expect(s.server.sockets).toHaveLength(3);
});

test('what the server sends is answered as a heart-beat, at most each 5 s', async () => {
    const s = await connected();
    const { socket } = s.server;
    for (let i = 0; i < 12; i++) {
        await s.clock.pass(1000);
        socket.beat();
    }
    expect(socket.beats).toBe(2);
});

// ---------------------------------------------------------------- connect() and disconnect()

test.each([
    ['there is no server', (s: Scene) => { s.server.reachable = false; }, { status: 0, code: 'NETWORK_ERROR' }],
    ['too many users are connected', (s: Scene) => s.server.on(
        'GET /api/auth/getTicket', () => refusal(429, 'CONCURRENT_USER_LIMIT')), { status: 429, code: 'CONCURRENT_USER_LIMIT' }],
    ['the server restarts', (s: Scene) => s.server.on(
        'GET /api/auth/getTicket', () => refusal(503, 'DRAINING', { 'retry-after': '9' })), { status: 503 }],
    ['no WebSocket comes through', (s: Scene) => { s.server.upgrades = false; },
     { status: 0, code: 'NETWORK_ERROR', message: expect.stringContaining('must pass the headers Upgrade') as string }],
    ['the server closes', (s: Scene) => { s.server.frame = (socket) => socket.end(1013); }, { status: 0 }],
])('connect() rejects at once, and tries nothing more, when %s', async (_, trouble, expected) => {
    const s = scene();
    trouble(s);
    await expect(s.client.realtime.connect()).rejects.toMatchObject({ ...expected, retryable: true });
    expect(s.events('reconnecting')).toEqual([]);
    expect(s.clock.timers).toBe(0);
    await expect(s.client.realtime.sendMessage(CHAT, 'x')).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
});

test('connect({ retry: true }) waits for a server that comes up late', async () => {
    const s = scene();
    s.server.reachable = false;
    const opening = s.client.realtime.connect({ retry: true });
    await s.clock.pass(5000);
    s.server.reachable = true;
    await s.clock.pass(5000);
    await opening;
    expect(s.client.realtime.connected).toBe(true);
    expect(s.events('disconnected')).toEqual([]);
});

test('connect({ retry: true }) gives up after its time, with the reason', async () => {
    const s = scene();
    s.server.reachable = false;
    const opening = s.client.realtime.connect({ timeout: 7000, retry: true });
    const end = opening.catch((reason: unknown) => reason);
    await s.clock.pass(6999);
    expect(s.events('reconnecting').length).toBeGreaterThan(2);
    await s.clock.pass(1);
    expect(await end).toMatchObject({ status: 0, code: 'NETWORK_ERROR', retryable: true });
    expect(s.clock.timers).toBe(0);
    s.server.reachable = true;
    await s.client.realtime.connect();
});

test.each([
    ['nobody is signed in', scene({ signedIn: false }), { status: 401, code: 'AUTH_MISSING_TOKEN' }],
    ['the app is suspended', (() => {
        const s = scene();
        s.server.on('GET /api/auth/getTicket', () => refusal(403, 'APP_SUSPENDED'));
        return s;
    })(), { status: 403, code: 'APP_SUSPENDED' }],
])('connect() rejects at once when %s', async (_, s, expected) => {
    await expect(s.client.realtime.connect()).rejects.toMatchObject(expected);
    expect(s.events('error').map(({ error }) => error)).toEqual([expect.objectContaining(expected)]);
    expect(s.events('disconnected')).toEqual([]);
    expect(s.clock.timers).toBe(0);
});

test('connect() without a WebSocket says what is missing', async () => {
    const native = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
    Reflect.deleteProperty(globalThis, 'WebSocket');
    try {
        const s = scene();
        const client = new WhispClient({ baseUrl: 'http://chat.test/' }, { ...s.clock, fetch: s.server.fetch });
        client.setAuth(s.client.getAuth());
        await expect(client.realtime.connect()).rejects.toThrow(/WebSocket is not defined.*webSocketImpl/);
    } finally {
        if (native) {
            Object.defineProperty(globalThis, 'WebSocket', native);
        }
    }
});

test('an ERROR frame at CONNECT is what connect() rejects with', async () => {
    const s = scene();
    s.server.frame = (socket) => {
        socket.say('ERROR', { message: 'The JWT is not of the user.' }, 'The JWT is not of the user.');
        socket.end(1008, 'The JWT is not of the user.');
    };
    await expect(s.client.realtime.connect()).rejects.toMatchObject({
        status: 401, message: 'The JWT is not of the user.', retryable: false,
    });
});

test('disconnect() says goodbye, once, and nothing comes after it', async () => {
    const s = await connected();
    const { socket } = s.server;
    s.client.realtime.disconnect();
    s.client.realtime.disconnect();
    expect(s.client.realtime.connected).toBe(false);
    socket.event('e1', messageEvent(1));
    await settled();
    expect(socket.of('DISCONNECT')).toHaveLength(1);
    await s.clock.pass(60_000);
    expect(s.server.sockets).toHaveLength(1);
    expect(s.seen.slice(1)).toEqual([
        { name: 'disconnected', event: { reason: 'disconnect() was called', willReconnect: false } },
    ]);
    expect(s.clock.timers).toBe(0);
});

test('disconnect() ends a connect() and a wait for the next try', async () => {
    const s = scene();
    const opening = s.client.realtime.connect();
    s.client.realtime.disconnect();
    await expect(opening).rejects.toMatchObject({ code: 'DISCONNECTED' });
    await s.client.realtime.connect();
    s.server.reachable = false;
    s.server.socket.end(1006);
    await s.clock.pass(1000);
    s.client.realtime.disconnect();
    await s.clock.pass(60_000);
    expect(s.events('error').every(({ error }) => error.code === 'NETWORK_ERROR')).toBe(true);
    expect(s.clock.timers).toBe(0);
});

test('disconnect() at any moment leaves no connection behind', async () => {
    for (let moment = 0; moment < 200; moment++) {
        const s = scene();
        s.server.on('GET /api/auth/getTicket', () => {
            let left = moment;
            const step = (): void => (left-- > 0 ? queueMicrotask(step) : s.client.realtime.disconnect());
            step();
            return json(200, { ticket: 't' });
        });
        await s.client.realtime.connect().catch(() => undefined);
        await s.clock.pass(1000);
        expect(s.server.sockets.filter(({ readyState }) => readyState !== 3), `moment ${moment}`).toEqual([]);
    }
});

test('signed out by oneself: known when `disconnected` comes', async () => {
    const s = await connected();
    const known: boolean[] = [];
    s.client.realtime.on('disconnected', () => known.push(s.client.isAuthenticated));
    s.server.on('POST /api/auth/logout', () => json(200, null));
    await s.client.logout();
    expect(known).toEqual([false]);
});

test('another user is another connection, with nothing of the first', async () => {
    const s = await connected();
    s.server.socket.event('e7', messageEvent(7));
    s.client.setAuth({ jwt: 'x', refreshToken: 'y', userId: OTHER });
    expect(s.client.realtime.connected).toBe(false);
    await s.client.realtime.connect();
    expect(cursorOf(s.server.socket)).toBe('s0');
    expect(s.server.of('/api/sync')).toHaveLength(2);
});

test('presence is asked for only on wish, again on every connection', async () => {
    const s = await connected();
    expect(s.server.socket.of('SUBSCRIBE')[0]?.headers).not.toHaveProperty('presence');
    s.client.realtime.disconnect();
    await s.client.realtime.connect({ presence: true });
    await lost(s);
    for (const socket of s.server.sockets.slice(1)) {
        expect(socket.of('SUBSCRIBE')[0]?.headers.presence).toBe('true');
    }
});

// ---------------------------------------------------------------- from where

test('the first connection begins at the present, later ones behind the last event', async () => {
    const s = await connected();
    expect(cursorOf(s.server.socket)).toBe('s0');
    await lost(s);
    expect(cursorOf(s.server.socket)).toBe('r1');
    s.server.socket.event('e5', messageEvent(5));
    s.server.socket.event('u5-1', { type: 'TYPING', chatId: CHAT });
    await lost(s);
    expect(cursorOf(s.server.socket)).toBe('u5-1');
    s.client.realtime.disconnect();
    await s.client.realtime.connect();
    expect(cursorOf(s.server.socket)).toBe('r3');
    expect(s.server.of('/api/sync')).toHaveLength(1);
});

test('while it resumes, only stored events move the cursor', async () => {
    const s = await connected();
    s.server.socket.event('e1', messageEvent(1));
    s.server.onSubscribe = (socket) => {
        socket.event('u90-1', { type: 'PRESENCE', userId: OTHER });
        socket.event('e2', messageEvent(2));
        socket.event('u90-2', { type: 'READ_MSG', chatId: CHAT });
    };
    await lost(s);
    expect(cursorOf(s.server.socket)).toBe('e1');
    await lost(s);
    expect(cursorOf(s.server.socket)).toBe('e2');
    s.server.socket.event('u99-1', { type: 'RESUMED', complete: true });
    await lost(s);
    expect(cursorOf(s.server.socket)).toBe('u99-1');
});

test('what comes twice is given once', async () => {
    const s = await connected();
    const events = [1, 2, 3].map((seq) => messageEvent(seq));
    events.forEach((event) => s.server.socket.event(event.eventId, event));
    const more = [...events, messageEvent(4), messageEvent(5)];
    s.server.onSubscribe = (socket) => {
        more.slice(1).forEach((event) => socket.event(event.eventId, event));
        socket.event('r', { type: 'RESUMED', complete: true });
    };
    await lost(s);
    expect(s.events('message')).toEqual(more);
    // Typing is news each time.
    const typing = { type: 'TYPING', chatId: CHAT, senderId: OTHER };
    s.server.socket.event('u1', typing);
    s.server.socket.event('u2', typing);
    expect(s.events('typing')).toHaveLength(2);
});

test('a resync names the chats to read again', async () => {
    const s = await connected();
    s.server.onSubscribe = (socket) => {
        socket.event('u5-1', { type: 'RESYNC', chats: [CHAT] });
        socket.event('u5-2', { type: 'RESUMED', complete: false });
    };
    await lost(s);
    expect(s.events('resync')).toEqual([{ type: 'RESYNC', chats: [CHAT] }]);
    expect(s.events('resumed')).toEqual([{ type: 'RESUMED', complete: false }]);
});
