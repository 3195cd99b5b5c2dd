// A peer that does not read: it is closed once it owes too much (1013: come back and resume), it
// delays nobody, and what the server keeps for it is bounded.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createChat, createTenant, startServer } from './harness.mjs';
import { OP, stomp, wsFrame } from './frames.mjs';
import { connect } from './realtime.mjs';
import { upgraded } from './tcp.mjs';

const TEXT = 'x'.repeat(10_000);
const MOST = 6_000; // messages, far more than kernel buffers and limits hold

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

const residentKiB = (server) => {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`))[1]);
};

/** Messages in the chat, 16 at a time, each awaited by the reader, until so many were closed. */
async function flood(writer, reader, chatId, closed) {
    for (let n = 0; n < MOST; n += 16) {
        const texts = Array.from({ length: 16 }, (_, i) => `${n + i} ${TEXT}`.slice(0, 10_000));
        await Promise.all(texts.flatMap((message) => [
            reader.next({ message }),
            writer.send({ type: 'SEND_MSG', chatId, message }),
        ]));
        writer.forget();
        if (closed()) {
            return n;
        }
    }
    return MOST;
}

test('a session past its output limit is closed with 1013, others never wait for it', async (t) => {
    const server = await startServer({ args: ['--message-rate', 'off', '--log-level', 'debug'] });
    try {
        const { users: [ann, bob, slow] } = await createTenant(server, 'ann', 'bob', 'slow');
        const { chatId } = await createChat(ann, bob, slow);
        const [anns, bobs] = await Promise.all([connect(server, ann), connect(server, bob)]);
        const lazy = await connect(server, slow); // the same user, another device, which reads
        const wire = await stalled(server, slow);
        await flood(anns, bobs, chatId, () => false);
        await anns.post(chatId, 'the last one');
        await Promise.all([bobs, lazy].map((session) => session.next({ message: 'the last one' })));
        assert.ok(residentKiB(server) < 64 * 1024, `${residentKiB(server)} KiB`);
        wire.resume();
        const { code } = await wire.end();
        const got = wire.frames.filter(({ opcode }) => opcode <= OP.BINARY).length;
        assert.ok(got < MOST, 'the slow one got everything: the limit was not reached');
        assert.ok(code === 1013 || code === undefined, `closed with ${code}`);
        t.diagnostic(`the slow one got ${got} frames and ${code ?? 'no close frame'}`);
        await Promise.all([anns, bobs, lazy].map((session) => session.close()));
    } finally {
        await server.stop();
    }
});

test('past the budget of the process the largest laggards go', async () => {
    const server = await startServer({
        args: ['--message-rate', 'off', '--session-output', '64m', '--buffer-budget', '4m'],
    });
    try {
        const { users: [ann, bob, ...slow] } =
            await createTenant(server, 'ann', 'bob', 'slow1', 'slow2', 'slow3');
        const { chatId } = await createChat(ann, bob, ...slow);
        const [anns, bobs] = await Promise.all([connect(server, ann), connect(server, bob)]);
        const wires = await Promise.all(slow.map((user) => stalled(server, user)));
        await flood(anns, bobs, chatId, () => false);
        assert.ok(residentKiB(server) < 64 * 1024, `${residentKiB(server)} KiB`);
        const ends = await Promise.all(wires.map((wire) => {
            wire.resume();
            return Promise.race([wire.end().catch(() => ({})), anns.post(chatId).then(() => 'open')]);
        }));
        assert.ok(ends.some((end) => end !== 'open'), 'none of them was closed');
        await anns.post(chatId, 'the others are served');
        await bobs.next({ message: 'the others are served' });
        wires.forEach((wire) => wire.destroy());
    } finally {
        await server.stop();
    }
});
