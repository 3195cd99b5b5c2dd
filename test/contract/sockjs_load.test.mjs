// Many SockJS sessions beside plain ones under load; receivers that stall or stay away: each event
// once and in order for who takes it, 1013 for who does not, and memory within its limits.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { stomp } from './frames.mjs';
import { createChat, createTenant, getTicket, startServer } from './harness.mjs';
import { expectGrowth, filesBackTo, openFiles, residentKiB } from './process.mjs';
import { connect } from './realtime.mjs';
import { newSession, Stream } from './sockjs.mjs';
import { openReceiver, RECEIVERS } from './sockjs_receiver.mjs';

const TEXT = 'x'.repeat(10_000);
const OPEN = ['--request-rate', 'off', '--message-rate', 'off', '--threads', '2'];

async function withServer(args, use) {
    const server = await startServer({ args: [...OPEN, ...args] });
    try {
        await use(server);
    } finally {
        await server.stop();
    }
}

test('fan-out to every transport and to plain sessions: each event once, in order', () =>
    withServer([], async (server) => {
        const { users } = await createTenant(server, 'ann', 'bob', 'cleo');
        const [ann, bob, cleo] = users;
        const { chatId } = await createChat(...users);
        const receivers = await Promise.all(RECEIVERS.flatMap((transport) => [bob, cleo].map(
            async (user) => {
                const receiver = await openReceiver(server, user, transport);
                await receiver.subscribe();
                return receiver;
            })));
        const plain = await Promise.all(users.map((user) => connect(server, user)));
        const senders = [plain[0], ...await Promise.all(Array.from({ length: 3 },
                                                                   () => connect(server, ann)))];
        const EACH = 400;
        await Promise.all(senders.map(async (sender, who) => {
            for (let i = 0; i < EACH; i += 20) {
                await Promise.all(Array.from({ length: 20 }, (_, k) => sender.send(
                    { type: 'SEND_MSG', chatId, message: `${who} ${i + k}` })));
            }
        }));
        const said = (events) => events.filter(({ type }) => type === 'SEND_MSG');
        const count = senders.length * EACH;
        const last = await plain[0].post(chatId, 'the last one');
        await Promise.all(plain.slice(1).map((one) => one.next({ message: 'the last one' })));
        await Promise.all(receivers.map((one) => one.until(
            () => one.events.at(-1)?.messageId === last.messageId, 'the last message')));
        const order = said(plain[0].events).map(({ messageId }) => messageId);
        assert.equal(order.length, count + 1);
        assert.deepEqual(said(plain[0].events).map(({ seq }) => seq),
                         Array.from(order, (_, i) => last.seq - count + i));
        for (const one of [...plain, ...receivers]) {
            assert.deepEqual(said(one.events).map(({ messageId }) => messageId), order, one.transport);
        }
        await Promise.all([...receivers, ...plain, ...senders].map((one) => one.close()));
    }));

/** The open files of a server with `--idle-timeout 1s` once it is rid of its idle connections. */
async function filesWithoutIdle(server) {
    await new Promise((done) => setTimeout(done, 1_500));
    return openFiles(server);
}

/** Messages to the chat until the server has closed a session as too slow; how many. */
async function floodUntilTooSlow(server, sender, chatId) {
    let slow;
    server.logged((line) => line.event === 'session too slow').then((line) => (slow = line), () => {});
    let sent = 0;
    for (; !slow && sent < 3000; sent += 8) {
        await Promise.all(Array.from({ length: 8 }, () => sender.send(
            { type: 'SEND_MSG', chatId, message: TEXT })));
        sender.forget();
    }
    assert.ok(slow, `nothing was too slow after ${sent} messages`);
    return sent;
}

for (const [transport, more] of [['xhr_streaming'], ['eventsource'], ['htmlfile', { c: 'x' }]]) {
    test(`${transport}: a reader that stops is closed with 1013, and its connection goes`, () =>
        withServer(['--idle-timeout', '1s'], async (server) => {
            const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
            const { chatId } = await createChat(ann, bob);
            const [at, live] = [await connect(server, ann), await connect(server, bob)];
            const tickets = [await getTicket(bob), await getTicket(bob)];
            const files = await filesWithoutIdle(server);
            const streams = await Promise.all(tickets.map(async (ticket) => {
                const stream = new Stream(server, bob, ticket);
                await stream.open(transport, more);
                assert.equal(await stream.frame(), 'o');
                await stream.connect();
                await stream.subscribe();
                stream.pause();
                return stream;
            }));
            const before = residentKiB(server);
            const sent = await floodUntilTooSlow(server, at, chatId);
            expectGrowth(server, before, 24 * 1024);
            streams[0].resume(); // one reads on, and is told; of the other the server is rid
            let frame;
            do {
                frame = await streams[0].frame().catch(async (error) => {
                    assert.match(error.message, /the stream ended/);
                    await streams[0].open(transport, more); // a streaming answer holds 128 KiB
                    return '';
                });
            } while (!frame.startsWith('c'));
            assert.equal(frame, 'c[1013,"too slow"]');
            await at.post(chatId, 'the last one');
            await live.next({ message: 'the last one' });
            assert.equal(live.events.filter(({ message }) => message === TEXT).length, sent);
            await streams[0].end();
            await filesBackTo(server, files);
            streams[1].abort();
        }));
}

// One answer (128 KiB) goes into the kernel's buffers, but not one behind the other.
test('a reader that takes nothing at all, streams pipelined: 1013, and its connection goes', () =>
    withServer(['--idle-timeout', '1s'], async (server) => {
        const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
        const { chatId } = await createChat(ann, bob);
        const at = await connect(server, ann);
        const session = await newSession(server, bob);
        assert.equal((await session.poll()).text, 'o\n');
        await session.send(session.connectFrame());
        assert.match((await session.poll()).text, /CONNECTED/);
        const files = await filesWithoutIdle(server);
        const { hostname, port } = new URL(server.api);
        const socket = net.connect({ host: hostname, port }).on('error', () => {});
        const stream = `POST ${session.path('xhr_streaming')} HTTP/1.1\r\nHost: x\r\n` +
            'Content-Length: 0\r\n\r\n';
        socket.write(stream.repeat(200));
        await new Promise((done) => socket.once('readable', done)); // read() would read on
        await session.send(stomp('SUBSCRIBE', { id: '0', destination: '/user/queue/messages' }));
        const sent = await floodUntilTooSlow(server, at, chatId);
        assert.ok(sent * TEXT.length > 2 * 1024 * 1024, `stalled after ${sent} messages`);
        const again = await session.poll();
        assert.equal(again.text, 'c[1013,"too slow"]\n');
        await filesBackTo(server, files);
        socket.destroy();
    }));

test('the budget of the process holds for pollers that are away: the largest are told 1013', () =>
    withServer(['--session-output', '64m', '--buffer-budget', '4m', '--threads', '1'], async (server) => {
        const { users: [ann, bob, cleo] } = await createTenant(server, 'ann', 'bob', 'cleo');
        const { chatId } = await createChat(ann, bob, cleo);
        const at = await connect(server, ann);
        const live = await openReceiver(server, cleo, 'xhr');
        await live.subscribe();
        const away = await Promise.all([1, 2, 3].map(async () => {
            const session = await openReceiver(server, bob, 'xhr');
            session.pause();
            await session.subscribe();
            return session;
        }));
        const before = residentKiB(server);
        const sent = await floodUntilTooSlow(server, at, chatId);
        expectGrowth(server, before, 16 * 1024);
        away.forEach((session) => session.resume());
        const texts = (session) => session.events.filter(({ message }) => message === TEXT).length;
        const ends = await Promise.all(away.map((session) =>
            session.until(() => texts(session) === sent, 'all of it').then(() => 'all', () => session.closed)));
        const closed = ends.filter((end) => end !== 'all');
        assert.ok(closed.length > 0 && closed.length < 3, JSON.stringify(ends));
        closed.forEach((end) => assert.deepEqual(end, [1013, 'the server\'s buffers are full']));
        await live.until(() => texts(live) === sent, 'all of it');
    }));

test('5 seconds without a receiver end a session, and what was queued for it is given back', () =>
    withServer(['--session-output', '64m', '--buffer-budget', '8m'], async (server) => {
        const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
        const { chatId } = await createChat(ann, bob);
        const at = await connect(server, ann);
        for (let round = 0; round < 2; round++) { // both together are more than the budget
            const away = await openReceiver(server, bob, round ? 'jsonp' : 'xhr');
            away.pause();
            await away.subscribe();
            for (let i = 0; i < 480; i += 16) {
                await Promise.all(Array.from({ length: 16 }, () => at.send(
                    { type: 'SEND_MSG', chatId, message: TEXT })));
                at.forget();
            }
            const begin = Date.now();
            await new Promise((done) => setTimeout(done, 5_600)); // time is what is tested
            assert.equal((await away.session.post('["\\n"]')).status, 404, `${Date.now() - begin} ms`);
            assert.equal((await away.session.poll()).status, 401); // its ticket is spent
        }
        assert.ok(!server.logLines().some(({ event }) => event === 'session too slow'));
    }));

test('a restart is told at once to who waits for frames, since who comes later finds no one', () =>
    withServer(['--drain-spread', '60s'], async (server) => {
        const { users: [ann] } = await createTenant(server, 'ann');
        const http = RECEIVERS.filter((transport) => transport !== 'websocket');
        const receivers = await Promise.all(http.map((transport) => openReceiver(server, ann, transport)));
        const opening = await newSession(server, ann);
        assert.equal((await opening.poll()).text, 'o\n');
        await opening.send(stomp('CONNECT', { 'accept-version': '1.2' })); // told when it polls, or not
        await server.terminate();
        for (const receiver of receivers) {
            await receiver.until(() => receiver.closed, 'the close frame').catch(() => {});
            assert.deepEqual(receiver.closed, [1012, 'retry-after=60'], receiver.transport);
        }
    }));
