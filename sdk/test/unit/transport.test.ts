import { expect, test } from 'vitest';
import { scene } from './client.js';
import { settled } from './clock.js';
import { json, refusal } from './server.js';

const PATH = 'GET /api/user/getUser';
const never = (): Promise<Response> => new Promise(() => undefined);

test.each([
    ['a refusal', () => refusal(409, 'USERNAME_TAKEN'),
     { status: 409, code: 'USERNAME_TAKEN', message: 'Refused: USERNAME_TAKEN.', retryable: false,
       body: { message: 'Refused: USERNAME_TAKEN.', code: 'USERNAME_TAKEN' } }],
    ['too many requests', () => refusal(429, 'RATE_LIMITED', { 'retry-after': '3' }),
     { status: 429, retryable: true, retryAfter: 3000 }],
    ['an overload', () => refusal(503, 'OVERLOADED'), { status: 503, retryable: true, retryAfter: undefined }],
    ['a proxy\'s page', () => new Response('<h1>Bad gateway</h1>', { status: 502 }),
     { status: 502, code: undefined, body: '<h1>Bad gateway</h1>', message: 'The server answered 502.', retryable: true }],
    ['what calls itself JSON', () => new Response('{', { status: 500, headers: { 'content-type': 'application/json' } }),
     { status: 500, body: '{' }],
    ['no network', () => { throw new TypeError('fetch failed'); },
     { status: 0, code: 'NETWORK_ERROR', retryable: true, message: 'The server could not be reached.' }],
])('%s is a WhispError', async (_, answer, expected) => {
    const s = scene();
    s.server.on(PATH, answer);
    const error = await s.client.getUser().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'WhispError', ...expected });
});

test('a call ends after its time-out', async () => {
    const s = scene();
    s.server.on(PATH, never);
    const calls = [s.client.getUser(), s.client.getUser({ timeout: 500 })].map((call) => call.catch((e: unknown) => e));
    await s.clock.pass(500);
    expect(await calls[1]).toMatchObject({ status: 0, code: 'TIMEOUT', retryable: true });
    await s.clock.pass(29_500);
    expect(await calls[0]).toMatchObject({ status: 0, code: 'TIMEOUT' });
    expect(s.clock.timers).toBe(0);
});

test('a call ends with its signal, before, while and after it is sent', async () => {
    const s = scene();
    s.server.on(PATH, never);
    await expect(s.client.getUser({ signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(s.server.requests).toEqual([]);
    const stop = new AbortController();
    const call = s.client.getUser({ signal: stop.signal });
    await settled();
    stop.abort('while');
    await expect(call).rejects.toBe('while');
    s.server.on(PATH, () => json(200, { id: 'me' }));
    const late = new AbortController();
    await s.client.getUser({ signal: late.signal });
    late.abort();
    expect(s.clock.timers).toBe(0);
});

test('aborting one call leaves the refresh that others wait for', async () => {
    const s = scene();
    let answer = (): void => undefined;
    s.server.on(PATH, ({ headers }) => (
        headers.get('authorization') === 'Bearer good' ? json(200, { id: 'me' }) : refusal(401, 'AUTH_EXPIRED_TOKEN')));
    s.server.on('POST /api/auth/refresh', async () => {
        await new Promise<void>((done) => (answer = done));
        return json(200, null, { authorization: 'Bearer good' });
    });
    const stop = new AbortController();
    const [aborted, other] = [s.client.getUser({ signal: stop.signal }), s.client.getUser()];
    await settled();
    stop.abort('enough');
    await expect(aborted).rejects.toBe('enough');
    answer();
    await expect(other).resolves.toEqual({ id: 'me' });
});

test('ids and texts are encoded, and what is not given is left out', async () => {
    const s = scene();
    s.server.on('GET /api/messages/getMessages/a%2Fb%3F', () => json(200, { messages: [] }));
    s.server.on('GET /api/chat/getChats', () => json(200, { chats: [] }));
    s.server.on('DELETE /api/chat/deleteChat', () => json(200, null));
    await s.client.getMessages('a/b?', 50, 'x y');
    await s.client.getChats();
    await s.client.getChats(2, 10);
    await s.client.deleteChat('a&b');
    expect(s.server.requests.map(({ query }) => Object.fromEntries(query))).toEqual([
        { size: '50', lastMessage: 'x y' }, {}, { page: '2', size: '10' }, { chatId: 'a&b' },
    ]);
});

test('the calls of several fields take them in order or by name, and options after them', async () => {
    const s = scene();
    const paths = ['createChat', 'addUser', 'removeUser', 'changeName'];
    paths.forEach((path) => s.server.on(`POST /api/chat/${path}`, () => json(200, { chatId: 'c' })));
    const options = { signal: AbortSignal.abort('stop') };
    const { client } = s;
    for (const call of [
        () => client.createChat('Lunch', ['ann', 'bob']), () => client.createChat({ chatName: 'Lunch', userNames: ['ann', 'bob'] }),
        () => client.addUserToChat('c', 'eve'), () => client.addUserToChat({ chatId: 'c', newUsername: 'eve' }),
        () => client.removeUserFromChat('c', 'u'), () => client.removeUserFromChat({ chatId: 'c', removeUser: 'u' }),
        () => client.changeChatName('c', 'New'), () => client.changeChatName({ chatId: 'c', newChatName: 'New' }),
    ]) {
        await call();
    }
    const bodies = s.server.requests.map(({ body }) => body);
    for (let i = 0; i < bodies.length; i += 2) {
        expect(bodies[i]).toEqual(bodies[i + 1]);
    }
    expect(bodies[0]).toEqual({ chatName: 'Lunch', userNames: ['ann', 'bob'] });
    expect(bodies[4]).toEqual({ chatId: 'c', removeUser: 'u' });
    await expect(client.addUserToChat('c', 'eve', options)).rejects.toBe('stop');
    await expect(client.addUserToChat({ chatId: 'c', newUsername: 'eve' }, options)).rejects.toBe('stop');
});

test('allChats follows the cursor, allMessages the last message', async () => {
    const s = scene();
    s.server.on('GET /api/chat/getChats', ({ query }) => json(200, query.get('cursor') === 'next'
        ? { chats: [{ chatId: 'c' }], nextCursor: null } : { chats: [{ chatId: 'a' }, { chatId: 'b' }], nextCursor: 'next' }));
    const chats = [];
    for await (const { chatId } of s.client.allChats()) {
        chats.push(chatId);
    }
    expect(chats).toEqual(['a', 'b', 'c']);
    const all = Array.from({ length: 230 }, (_, i) => ({ messageId: `m${i}` }));
    s.server.on('GET /api/messages/getMessages/c', ({ query }) => {
        const from = all.findIndex(({ messageId }) => messageId === query.get('lastMessage')) + 1;
        return json(200, { messages: all.slice(from, from + Number(query.get('size'))) });
    });
    const messages = [];
    for await (const message of s.client.allMessages('c')) {
        messages.push(message);
    }
    expect(messages).toEqual(all);
    expect(s.server.of('/api/messages/getMessages/c')).toHaveLength(3);
});
