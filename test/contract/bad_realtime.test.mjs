// What no client would send: malformed WebSocket frames, streams cut at every byte, noise. Each
// connection ends with the right close code; the server stays, for others and in memory.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createChat, createTenant, getTicket, startServer } from './harness.mjs';
import { closePayload, OP, stomp, wsFrame } from './frames.mjs';
import { expectGrowth, filesBackTo, openFiles, residentKiB } from './process.mjs';
import { connect } from './realtime.mjs';
import { upgraded, upgradeRequest, Wire } from './tcp.mjs';

let server, ann, bob, chatId, watcher;

before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
    ({ chatId } = await createChat(ann, bob));
    watcher = await connect(server, bob);
});

after(async () => {
    await watcher?.drop();
    await server?.stop();
});

/** Someone else's session works as ever. */
const othersAreServed = () => watcher.post(chatId);

const connectFrame = () => stomp('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${ann.jwt}` });
const text = (payload, options) => wsFrame(OP.TEXT, payload, options);
const BAD_UTF8 = Buffer.from('SEND\nx:\xc3(', 'latin1'); // a lead byte, and no continuation
const beat = '\n';

describe('malformed WebSocket', () => {
    const rows = [
        ['an unmasked frame', 1002, () => text(beat, { masked: false })],
        ['RSV1', 1002, () => text(beat, { rsv: 4 })],
        ['RSV2', 1002, () => text(beat, { rsv: 2 })],
        ['RSV3', 1002, () => text(beat, { rsv: 1 })],
        ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => {
            return [`opcode ${opcode}`, 1002, () => wsFrame(opcode, beat)];
        }),
        ['a fragmented ping', 1002, () => wsFrame(OP.PING, '', { fin: false })],
        ['a fragmented close', 1002, () => wsFrame(OP.CLOSE, closePayload(1000), { fin: false })],
        ['a ping of 126 bytes', 1002, () => wsFrame(OP.PING, 'x'.repeat(126))],
        ['a continuation of nothing', 1002, () => wsFrame(OP.CONTINUATION, beat)],
        ['a new message inside another', 1002,
         () => Buffer.concat([text(beat, { fin: false }), text(beat)])],
        ['a continuation after the end', 1002,
         () => Buffer.concat([text(beat, { fin: false }), wsFrame(OP.CONTINUATION, beat),
                              wsFrame(OP.CONTINUATION, beat)])],
        ['16 bits of length where 7 would do', 1002, () => text(beat, { form: 16 })],
        ['64 bits of length where 16 would do', 1002, () => text('\n'.repeat(300), { form: 64 })],
        ['the highest bit of the length', [1002, 1009], () => text('', { length: 2n ** 63n, form: 64 })],
        ['a length of 2^63 - 1', 1009, () => text('', { length: 2n ** 63n - 1n, form: 64 })],
        ['a length of 256 KiB and one', 1009, () => text('', { length: 262_145 })],
        ['a whole message of 256 KiB and one', 1009, () => text('\n'.repeat(262_145))],
        ['fragments of 256 KiB and one together', 1009,
         () => Buffer.concat([text('\n'.repeat(200_000), { fin: false }),
                              wsFrame(OP.CONTINUATION, '\n'.repeat(62_145))])],
        ['text that is not UTF-8', 1007, () => text(BAD_UTF8)],
        ['text that ends inside a character', 1007, () => text(Buffer.from([0x61, 0xc3]))],
        ['text that is not UTF-8 over fragments', 1007,
         () => Buffer.concat([text(BAD_UTF8.subarray(0, -1), { fin: false }),
                              wsFrame(OP.CONTINUATION, BAD_UTF8.subarray(-1))])],
        ['a surrogate in UTF-8', 1007, () => text(Buffer.from([0xed, 0xa0, 0x80]))],
        ['an overlong NUL', 1007, () => text(Buffer.from([0xc0, 0x80]))],
        ['a close frame of one byte', 1002, () => wsFrame(OP.CLOSE, 'x')],
        ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535].map((code) => {
            return [`close code ${code}`, 1002, () => wsFrame(OP.CLOSE, closePayload(code))];
        }),
        ['a close reason that is not UTF-8', 1007, () => wsFrame(OP.CLOSE, closePayload(1000, BAD_UTF8))],
    ];
    for (const [name, code, bytes] of rows) {
        for (const connected of [false, true]) {
            test(`${name}, ${connected ? 'after' : 'before'} CONNECT`, async () => {
                const wire = await upgraded(server, ann);
                if (connected) {
                    wire.write(text(connectFrame()));
                    await wire.stomp('CONNECTED');
                }
                wire.write(bytes());
                const end = await wire.end();
                assert.ok([code].flat().includes(end.code), `closed with ${end.code} ${end.reason}`);
            });
        }
    }

    test('others are served', othersAreServed);
});

describe('unusual, and right', () => {
    const cut = (bytes, at) => [bytes.subarray(0, at), bytes.subarray(at)];

    test('fragments, with a ping between them, cut inside a character', async () => {
        const wire = await upgraded(server, ann);
        wire.write(text(connectFrame()));
        await wire.stomp('CONNECTED');
        const subscribe = stomp('SUBSCRIBE', { id: '0', destination: '/user/queue/messages', receipt: 'ü' });
        const [one, two] = cut(subscribe, subscribe.indexOf('ü') + 1);
        wire.write(Buffer.concat([text(one, { fin: false }), wsFrame(OP.PING, 'between'),
                                  wsFrame(OP.CONTINUATION, '', { fin: false }),
                                  wsFrame(OP.CONTINUATION, two)]));
        const pong = await wire.next(({ opcode }) => opcode === OP.PONG, 'the pong');
        assert.equal(pong.payload.toString(), 'between');
        assert.equal((await wire.stomp('RECEIPT')).headers['receipt-id'], 'ü');
        wire.destroy();
    });

    test('every TCP write of one byte', async () => {
        const wire = await upgraded(server, ann);
        for (const byte of text(connectFrame())) {
            await wire.flush(Buffer.from([byte]));
        }
        await wire.stomp('CONNECTED');
        wire.destroy();
    });

    test('empty messages, pings and pongs of any size, a message of exactly 256 KiB', async () => {
        const wire = await upgraded(server, ann);
        wire.write(Buffer.concat([
            text(''), wsFrame(OP.BINARY, ''), wsFrame(OP.PING, ''), wsFrame(OP.PING, 'x'.repeat(125)),
            wsFrame(OP.PONG, 'unasked'), text('\n'.repeat(262_144)), text(connectFrame()),
        ]));
        await wire.stomp('CONNECTED');
        assert.equal(wire.frames.filter(({ opcode }) => opcode === OP.PONG).length, 2);
        wire.destroy();
    });

    for (const code of [1000, 1001, 1003, 1007, 1011, 3000, 4999]) {
        test(`close code ${code} is answered`, async () => {
            const wire = await upgraded(server, ann);
            wire.write(wsFrame(OP.CLOSE, closePayload(code, 'bye')));
            assert.ok([code, 1000].includes((await wire.end()).code));
        });
    }

    test('a close frame without a code is answered', async () => {
        const wire = await upgraded(server, ann);
        wire.write(wsFrame(OP.CLOSE));
        assert.ok([1000, 1005].includes((await wire.end()).code));
    });

    test('nothing is read after a close frame', async () => {
        const wire = await upgraded(server, ann);
        wire.write(text(connectFrame()));
        await wire.stomp('CONNECTED');
        const late = JSON.stringify({ type: 'SEND_MSG', chatId, message: 'too late' });
        wire.write(Buffer.concat([wsFrame(OP.CLOSE, closePayload(1000)),
                                  text(stomp('SEND', { destination: '/api/chat' }, late))]));
        await wire.end();
        await watcher.none({ message: 'too late' }, { chat: chatId });
    });
});

// ---------------------------------------------------------------- cut, and noise

describe('cut at every byte', () => {
    /** A connection that ends after these bytes, by FIN or, every other time, by RST or so. */
    async function cutAfter(bytes, abrupt) {
        const wire = new Wire(server);
        await wire.flush(bytes);
        if (abrupt) {
            wire.destroy();
        } else {
            wire.finish();
        }
        await wire.end().catch(() => {});
        return wire;
    }

    test('the upgrade request', async () => {
        const files = openFiles(server);
        const bytes = Buffer.from(upgradeRequest(server, await getTicket(ann)));
        for (let i = 1; i < bytes.length; i++) {
            const wire = await cutAfter(bytes.subarray(0, i), i % 2 === 0);
            assert.ok(!wire.head.startsWith('HTTP/1.1 101'), 'half a request was taken for one');
        }
        await othersAreServed();
        await filesBackTo(server, files);
    });

    test('the frames after it, and no half of a message is stored', async () => {
        const files = openFiles(server);
        const frames = Buffer.concat([
            text(connectFrame()),
            wsFrame(OP.BINARY, stomp('SUBSCRIBE', { id: '0', destination: '/user/queue/messages' })),
            text(stomp('SEND', { destination: '/api/chat' },
                       JSON.stringify({ type: 'SEND_MSG', chatId, message: 'whole or nothing' }))),
        ]);
        for (let i = 1; i < frames.length; i++) {
            const upgrade = Buffer.from(upgradeRequest(server, await getTicket(ann)));
            await cutAfter(Buffer.concat([upgrade, frames.subarray(0, i)]), i % 2 === 0);
        }
        await watcher.none(({ senderId }) => senderId === ann.id, { chat: chatId });
        await filesBackTo(server, files);
    });
});

describe('noise', () => {
    /** The same numbers in every run: xorshift32. */
    function numbers(seed) {
        let x = seed;
        return (below) => {
            x ^= x << 13;
            x ^= x >>> 17;
            x ^= x << 5;
            return (x >>> 0) % below;
        };
    }

    test('spoilt frames: the server stays, and its memory too', async () => {
        const random = numbers(20260425);
        const good = [
            connectFrame(),
            stomp('SUBSCRIBE', { id: '0', destination: '/user/queue/messages', receipt: 'a' }),
            stomp('SEND', { destination: '/api/chat', receipt: 'b', 'content-length': '13' }, '{"type":"X" }'),
            stomp('BEGIN', { transaction: 't' }),
            stomp('DISCONNECT', { receipt: 'c' }),
        ];
        const spoil = (bytes) => {
            const spoilt = Buffer.from(bytes);
            for (let n = 1 + random(3); n > 0; n--) {
                spoilt[random(spoilt.length)] = random(256);
            }
            return spoilt;
        };
        const files = openFiles(server);
        const round = async (count) => {
            for (let i = 0; i < count; i++) {
                const wire = await upgraded(server, ann);
                const frames = good.map((frame) => random(3) ? frame : spoil(frame))
                    .map((frame) => wsFrame(random(4) ? OP.BINARY : OP.TEXT, frame))
                    .map((frame) => random(4) ? frame : spoil(frame));
                await wire.flush(Buffer.concat(frames));
                wire.finish();
                await wire.end().catch(() => {});
            }
        };
        await round(200);
        await filesBackTo(server, files);
        const before = residentKiB(server);
        await round(600);
        await filesBackTo(server, files);
        expectGrowth(server, before, 2048);
        await othersAreServed();
    });

    test('endless garbage before an upgrade', async () => {
        const random = numbers(7);
        for (let i = 0; i < 50; i++) {
            const wire = new Wire(server);
            wire.write(Buffer.from(Array.from({ length: 1 + random(2000) }, () => random(256))));
            wire.finish();
            await wire.end().catch(() => {});
        }
        await othersAreServed();
    });
});
