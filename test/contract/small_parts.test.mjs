// What comes in very small parts costs a server little more than in one piece: a request's chunks and
// head, and a STOMP frame in WebSocket messages of one byte.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTenant, SLOWER, startServer } from './harness.mjs';
import { OP, stomp, wsFrame } from './frames.mjs';
import { cpuSeconds } from './process.mjs';
import { chunked, exchange, message } from './raw_http.mjs';
import { openStream } from './sockjs.mjs';
import { upgraded } from './tcp.mjs';

const MOST = 1.5 * SLOWER; // seconds of CPU for a test; reading or moving all at each part costs more

let server, ann, bob;
before(async () => {
    server = await startServer({ args: ['--request-rate', 'off', '--message-rate', 'off'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
});
after(() => server?.stop());

async function costsLittle(t, times, what) {
    const begin = cpuSeconds(server);
    for (let i = 0; i < times; i++) {
        await what();
    }
    const used = cpuSeconds(server) - begin;
    t.diagnostic(`${used.toFixed(2)} s of CPU`);
    assert.ok(used < MOST, `${used} s of CPU`);
}

test('a body in chunks of one byte', async (t) => {
    const body = JSON.stringify({ chatName: 'x', userNames: ['ann', 'bob'] }).padEnd(60_000);
    const head = message('POST', '/api/chat/createChat', {
        'Authorization': `Bearer ${ann.jwt}`, 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked',
    }, '');
    const request = Buffer.concat([Buffer.from(head), chunked(body, 1)]);
    await costsLittle(t, 12, async () => assert.equal((await exchange(server.api, request)).status, 201));
});

test('the 256 KiB of an xhr_send in chunks of one byte', async (t) => {
    const stream = await openStream(server, ann);
    await stream.connect();
    const heartBeats = JSON.stringify(['\n'.repeat(1000)]).padEnd(260_000);
    const head = message('POST', stream.path('xhr_send'), { 'Transfer-Encoding': 'chunked' }, '');
    const request = Buffer.concat([Buffer.from(head), chunked(heartBeats, 1)]);
    await costsLittle(t, 3, async () => assert.equal((await exchange(server.api, request)).status, 204));
    stream.abort();
});

test('a STOMP frame in WebSocket messages of one byte, with a length and without', async (t) => {
    const wire = await upgraded(server, bob);
    wire.write(wsFrame(OP.TEXT, stomp('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${bob.jwt}` })));
    await wire.stomp('CONNECTED');
    let n = 0;
    const body = '{"type":"TYPING"}'.padEnd(60_000);
    const bytes = (frame) => Buffer.concat([...frame].map((byte) => wsFrame(OP.TEXT, Buffer.from([byte]))));
    await costsLittle(t, 12, async () => {
        const headers = { destination: '/nowhere', receipt: `r${n++}`, filler: 'x'.repeat(15_000) };
        const long = n % 2 ? { ...headers, 'content-length': body.length } : headers;
        wire.write(bytes(stomp('ACK', { id: 'x', ...long }, body)));
        await wire.stomp('RECEIPT');
    });
    wire.destroy();
});
