// HTTP answers that nobody takes: each connection owes one at most, and what waits is bounded by user,
// by client address and by the process's budget. Who reads late gets everything all the same.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { api, createChat, createTenant, eventually, expectError, expectStatus, getTicket, startServer, within } from './harness.mjs';
import { expectGrowth, residentKiB } from './process.mjs';
import { get } from './raw_http.mjs';
import { connect } from './realtime.mjs';

const MESSAGES = 100; // 6 MB in all: more than the kernel takes for a peer that does not read
const MANY = 40;
const FREE = ['--message-rate', 'off', '--request-rate', 'off'];

/** A connection that reads when it is told to, many megabytes. */
class Reader {
    #socket;
    #chunks = [];

    static async open(server) {
        const reader = new Reader();
        const { hostname, port } = new URL(server.api);
        reader.#socket = net.connect({ host: hostname, port: Number(port) }).on('error', () => {}).pause();
        await once(reader.#socket, 'connect');
        return reader;
    }

    write(bytes) {
        this.#socket.write(bytes);
    }

    destroy() {
        this.#socket.destroy();
    }

    /** Takes about so many bytes and no more. */
    async some(bytes) {
        for (let n = 0; n < bytes;) {
            const chunk = this.#socket.read() ?? (await once(this.#socket, 'readable'), this.#socket.read());
            this.#chunks.push(chunk ?? Buffer.alloc(0));
            n += chunk?.length ?? bytes;
        }
    }

    /** Takes the next answer whole: {status, headers, body}. */
    async answer() {
        const all = (n) => this.#chunks.reduce((sum, { length }) => sum + length, 0) >= n;
        let end = -1, bytes = this.#gathered();
        while ((end = bytes.indexOf('\r\n\r\n')) < 0) {
            await this.some(1);
            bytes = this.#gathered();
        }
        const [first, ...lines] = bytes.subarray(0, end).toString().split('\r\n');
        const headers = new Headers(lines.map((line) => line.split(/: ?(.*)/s).slice(0, 2)));
        const length = end + 4 + Number(headers.get('content-length'));
        await within(60_000, () => 'the answer is not whole', (async () => {
            while (!all(length)) {
                await this.some(1);
            }
        })());
        bytes = this.#gathered();
        this.#chunks = [bytes.subarray(length)];
        return { status: Number(first.split(' ')[1]), headers, body: JSON.parse(bytes.subarray(end + 4, length)) };
    }

    #gathered() {
        const bytes = Buffer.concat(this.#chunks);
        this.#chunks = [bytes];
        return bytes;
    }
}

/** A chat whose page of all messages is that long. */
async function largeChat(server) {
    const { users: [ann, bob, joe] } = await createTenant(server, 'ann', 'bob', 'joe');
    const { chatId } = await createChat(ann, bob, joe);
    const session = await connect(server, ann);
    for (let n = 0; n < MESSAGES; n += 10) {
        await Promise.all(Array.from({ length: 10 }, () => // six bytes each in JSON
            session.send({ type: 'SEND_MSG', chatId, message: '\u0001'.repeat(10_000) })));
    }
    await session.close();
    const path = `/api/messages/getMessages/${chatId}?size=${MESSAGES}&mark=false`;
    const ask = (user, headers) => get(path, { Authorization: `Bearer ${user.jwt}`, ...headers });
    return { ann, bob, joe, path, ask };
}

/** How many answers the server has made for large pages since `from`, by status. */
const made = (server, path, from = 0) => server.logLines().slice(from)
    .filter((line) => line.event === 'request' && path.startsWith(line.path)).map(({ status }) => status);

/** Connections that ask for a page each and read nothing; resolves when all have an answer. */
async function unread(server, { path, ask }, user, count, headers) {
    const from = server.logLines().length;
    const sockets = await Promise.all(Array.from({ length: count }, () => Reader.open(server)));
    sockets.forEach((socket) => socket.write(ask(user, headers)));
    await eventually('all are answered', async () => made(server, path, from).length === count, 60_000);
    return { sockets, statuses: made(server, path, from) };
}

const destroy = (sockets) => sockets.forEach((socket) => socket.destroy());

let server, large;
before(async () => {
    server = await startServer({
        args: [...FREE, '--user-output', '8m', '--address-output', '16m', '--trusted-proxies', '127.0.0.1',
               '--idle-timeout', '30s'],
    });
    large = await largeChat(server);
});
after(() => server?.stop());

test('requests behind an answer that is not taken are not begun, and all are answered once it is', async () => {
    const from = server.logLines().length;
    const socket = await Reader.open(server);
    socket.write(large.ask(large.ann).repeat(6));
    await eventually('the first is answered', async () => made(server, large.path, from).length > 0);
    for (let i = 0; i < 20; i++) { // time enough for the others
        expectStatus(await api(large.bob, 'GET', '/api/user/getUser'), 200);
    }
    assert.ok(made(server, large.path, from).length < 6, 'all were answered into nowhere');
    for (let i = 0; i < 6; i++) {
        assert.equal((await socket.answer()).body.messages.length, MESSAGES);
    }
    socket.destroy();
});

test('a user who takes nothing gets no more pages, is told so, and costs a bounded amount', async () => {
    const before = residentKiB(server);
    const { sockets, statuses } = await unread(server, large, large.ann, MANY);
    const refused = statuses.filter((status) => status === 429).length;
    assert.ok(refused > MANY / 2 && refused < MANY, `${refused} of ${MANY} refused`);
    expectGrowth(server, before, 64 * 1024); // all of them are 240 MB
    expectError(await api(large.ann, 'GET', large.path), 429, 'OUTPUT_LIMIT');
    expectStatus(await api(large.ann, 'GET', '/api/user/getUser'), 200);
    await getTicket(large.ann);
    expectStatus(await api(large.bob, 'GET', large.path, undefined, { 'X-Forwarded-For': '192.0.2.9' }), 200);
    for (const socket of sockets) {
        const { status, body, headers } = await socket.answer();
        if (status === 429) {
            assert.equal(body.code, 'OUTPUT_LIMIT');
            assert.match(headers.get('retry-after'), /^[1-9]\d*$/);
        } else {
            assert.equal(body.messages.length, MESSAGES);
        }
    }
    destroy(sockets);
    expectStatus(await api(large.ann, 'GET', large.path), 200);
});

test('what several users of one address do not take counts for the address, IPv6 by its /64', async () => {
    const from = (host) => ({ 'X-Forwarded-For': `2001:db8:7:7::${host}` });
    const { ann, bob, joe } = large;
    const all = [];
    for (const [i, user] of [ann, bob, joe].entries()) {
        all.push(...(await unread(server, large, user, 6, from(i))).sockets);
    }
    expectError(await api({ ...joe }, 'GET', large.path, undefined, from('ffff')), 429, 'OUTPUT_LIMIT');
    const { app, users: [zoe] } = await createTenant(server, 'zoe');
    assert.ok(app);
    expectStatus(await api(zoe, 'GET', '/api/chat/getChats', undefined, { 'X-Forwarded-For': '2001:db8:7:8::1' }), 200);
    destroy(all);
    await eventually('nothing waits', async () =>
        (await api(joe, 'GET', large.path, undefined, from('ffff'))).status === 200);
});

test('past the budget the largest go, HTTP connections too; who reads stays', async () => {
    const tight = await startServer({ args: [...FREE, '--buffer-budget', '16m', '--user-output', '1g', '--address-output', '1g'] });
    try {
        const chat = await largeChat(tight);
        const session = await connect(tight, chat.bob);
        const before = residentKiB(tight);
        const { sockets } = await unread(tight, chat, chat.ann, MANY);
        await tight.logged(({ event }) => event === 'connection too slow');
        expectGrowth(tight, before, 80 * 1024);
        expectStatus(await api(chat.joe, 'GET', '/api/user/getUser'), 200);
        destroy(sockets);
        await session.close();
    } finally {
        await tight.stop();
    }
});

test('a reader that is slow but goes on reading keeps its connection past the idle time', async () => {
    const quick = await startServer({ args: [...FREE, '--idle-timeout', '1s'] });
    try {
        const chat = await largeChat(quick);
        const socket = await Reader.open(quick);
        socket.write(chat.ask(chat.ann));
        const begin = Date.now();
        while (Date.now() - begin < 3000) { // a little, now and then
            await socket.some(150_000);
            await new Promise((done) => setTimeout(done, 200));
        }
        assert.equal((await socket.answer()).body.messages.length, MESSAGES);
        socket.destroy();
    } finally {
        await quick.stop();
    }
});
