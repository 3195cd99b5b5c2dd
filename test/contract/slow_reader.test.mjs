// A peer that does not read: it is closed once it owes too much (1013: come back and resume), it
// delays nobody, and what the server keeps for it is bounded.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { createChat, createTenant, startServer } from './harness.mjs';
import { OP, stomp, wsFrame } from './frames.mjs';
import { expectGrowth, filesBackTo, openFiles, residentKiB } from './process.mjs';
import { connect } from './realtime.mjs';
import { upgraded } from './tcp.mjs';

const TEXT = 'x'.repeat(10_000);
const MOST = 2_000; // messages, far more than kernel buffers and limits hold
const PAGES_KIB = 28 * 1024; // what the store's cache takes for them
const BUFFERS_KIB = 10 * 1024; // what may be kept for those who do not read

/** A subscribed session that has stopped reading. */
async function stalled(server, user) {
    const wire = await upgraded(server, user);
    wire.write(wsFrame(OP.TEXT, stomp('CONNECT', {
        'accept-version': '1.2', Authorization: `Bearer ${user.jwt}`,
    })));
    wire.write(wsFrame(OP.TEXT, stomp('SUBSCRIBE', {
        id: '0', destination: '/user/queue/messages', receipt: 'r',
    })));
    await wire.stomp('RECEIPT');
    wire.pause();
    return wire;
}

/** Messages in the chat, 16 at a time, each awaited by the reader. */
async function flood(writer, reader, chatId) {
    for (let n = 0; n < MOST; n += 16) {
        const texts = Array.from({ length: 16 }, (_, i) => `${n + i} ${TEXT}`.slice(0, 10_000));
        await Promise.all(texts.flatMap((message) => [
            reader.next({ message }),
            writer.send({ type: 'SEND_MSG', chatId, message }),
        ]));
        writer.forget();
    }
}

/** The flood, and the server's memory stays within what is allowed. */
async function boundedFlood(server, ...args) {
    const before = residentKiB(server);
    await flood(...args);
    return expectGrowth(server, before, PAGES_KIB + BUFFERS_KIB);
}

test('a session past its output limit is closed with 1013, others never wait for it', async (t) => {
    const server = await startServer({ args: ['--message-rate', 'off'] });
    try {
        const { users: [ann, bob, slow] } = await createTenant(server, 'ann', 'bob', 'slow');
        const { chatId } = await createChat(ann, bob, slow);
        const [anns, bobs] = await Promise.all([connect(server, ann), connect(server, bob)]);
        const lazy = await connect(server, slow); // the same user, another device, which reads
        const wire = await stalled(server, slow);
        const grown = await boundedFlood(server, anns, bobs, chatId);
        await anns.post(chatId, 'the last one');
        await Promise.all([bobs, lazy].map((session) => session.next({ message: 'the last one' })));
        wire.resume();
        const { code } = await wire.end();
        const got = wire.frames.filter(({ opcode }) => opcode <= OP.BINARY).length;
        assert.ok(got < MOST, 'the slow one got everything: the limit was not reached');
        assert.ok(code === 1013 || code === undefined, `closed with ${code}`);
        t.diagnostic(`the slow one got ${got} of ${MOST} frames; the server grew by ${grown} KiB`);
        await Promise.all([anns, bobs, lazy].map((session) => session.close()));
    } finally {
        await server.stop();
    }
});

test('past the budget of the process the largest laggards go', async () => {
    const server = await startServer({
        args: ['--message-rate', 'off', '--session-output', '64m', '--buffer-budget', '4m'],
    });
    let wires;
    try {
        const { users: [ann, bob, ...slow] } =
            await createTenant(server, 'ann', 'bob', 'slow1', 'slow2', 'slow3');
        const { chatId } = await createChat(ann, bob, ...slow);
        const [anns, bobs] = await Promise.all([connect(server, ann), connect(server, bob)]);
        wires = await Promise.all(slow.map((user) => stalled(server, user)));
        await boundedFlood(server, anns, bobs, chatId);
        wires.forEach((wire) => wire.resume());
        await anns.post(chatId, 'to those who are left');
        const ends = await Promise.all(wires.map(async (wire) => {
            const got = ({ payload }) => payload.includes('to those who are left');
            return wire.next(got, 'the last message').then(() => 'open', () => wire.end());
        }));
        assert.ok(ends.some((end) => end !== 'open'), 'none was closed');
        assert.ok(ends.every((end) => end === 'open' || [1013, undefined].includes(end.code)));
        await anns.post(chatId, 'the others are served');
        await bobs.next({ message: 'the others are served' });
    } finally {
        wires?.forEach((wire) => wire.destroy());
        await server.stop();
    }
});

test('an answer that nobody takes is dropped with the idle time, though it be the last', async () => {
    const server = await startServer({ args: ['--message-rate', 'off', '--idle-timeout', '1s'] });
    try {
        const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
        const { chatId } = await createChat(ann, bob);
        const session = await connect(server, ann);
        const message = '\u0001'.repeat(10_000); // six bytes each in JSON
        for (let i = 0; i < 100; i += 10) {
            await Promise.all(Array.from({ length: 10 }, () =>
                session.send({ type: 'SEND_MSG', chatId, message })));
        }
        await new Promise((done) => setTimeout(done, 1_500)); // until idle connections are gone
        const files = openFiles(server);
        for (const connection of ['keep-alive', 'close']) {
            const { hostname, port } = new URL(server.api);
            const socket = net.connect({ host: hostname, port }).on('error', () => {});
            socket.write(`GET /api/messages/getMessages/${chatId}?size=100 HTTP/1.1\r\nHost: x\r\n` +
                `Authorization: Bearer ${ann.jwt}\r\nConnection: ${connection}\r\n\r\n`);
            await new Promise((done) => socket.once('readable', done)); // and nothing is read
            assert.equal(openFiles(server), files + 1);
            await filesBackTo(server, files);
            socket.destroy();
        }
        await session.close();
    } finally {
        await server.stop();
    }
});
