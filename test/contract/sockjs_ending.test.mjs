// SockJS 0.3.3: how sessions end, and what HTTP/1.0 and 1.1 make of them. sockjs.test.mjs says what
// of its document cannot be so here.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { stomp } from './frames.mjs';
import { createTenant, startServer } from './harness.mjs';
import { open as openTcp } from './raw_http.mjs';
import { messagesOf, newSession, openStream, PREFIX, SockSession, socketTo, Stream } from './sockjs.mjs';

let server, ann, bob;
before(async () => {
    server = await startServer({ args: ['--request-rate', 'off'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
});
after(() => server?.stop());

describe('closing', () => {
    test('a second receiver is told so', async () => {
        const first = await openStream(server, ann);
        const second = new Stream(server, ann, first.ticket, first.id);
        await second.open();
        assert.equal(await second.frame(), 'c[2010,"Another connection still open"]');
        await second.end();
        assert.equal((await first.poll()).text, 'c[2010,"Another connection still open"]\n');
        await first.connect(); // the first one goes on
        first.abort();
    });
    test('a receiver that is cut ends the session', async () => {
        const stream = await openStream(server, ann);
        stream.abort();
        await new Promise((done) => setTimeout(done, 200));
        for (let i = 0; i < 2; i++) {
            const again = new Stream(server, ann, stream.ticket, stream.id);
            await again.open();
            assert.equal(await again.frame(), 'c[1002,"Connection interrupted"]');
            await again.end();
        }
    });
    test('a poll that is cut ends it too', async () => {
        const session = await newSession(server, ann);
        assert.equal((await session.poll()).text, 'o\n');
        const waiting = await openTcp(server.api);
        waiting.write(`POST ${session.path('xhr')} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
        await new Promise((done) => setTimeout(done, 250));
        assert.equal((await session.poll()).text, 'c[2010,"Another connection still open"]\n');
        await waiting.destroy();
        await new Promise((done) => setTimeout(done, 200));
        assert.equal((await session.poll()).text, 'c[1002,"Connection interrupted"]\n');
    });
    test('what was said before the close frame comes before it', async () => {
        const stream = await openStream(server, ann);
        await stream.send(stomp('SEND', {}));
        assert.match(messagesOf(await stream.frame())[0], /^ERROR\n/);
        assert.equal(await stream.frame(), 'c[1002,"The first frame must be CONNECT."]');
        await stream.end();
        const again = new Stream(server, ann, stream.ticket, stream.id);
        await again.open();
        assert.equal(await again.frame(), 'c[1002,"The first frame must be CONNECT."]');
        await again.end();
        assert.equal((await stream.post('["x"]')).status, 204);
    });
    test('without a receiver a session lives for 5 seconds', async () => {
        const session = await newSession(server, ann);
        await session.poll();
        await session.send(session.connectFrame());
        await session.poll();
        await new Promise((done) => setTimeout(done, 4_000)); // time is what is tested
        assert.equal((await session.post('["\\n"]')).status, 204);
        await new Promise((done) => setTimeout(done, 1_700));
        assert.equal((await session.post('["\\n"]')).status, 404);
        assert.equal((await session.poll()).status, 401);
    });
    test('a user signed out is told by a close frame', async () => {
        const { users: [max] } = await createTenant(server, 'max');
        const stream = await openStream(server, max);
        await stream.connect();
        const res = await fetch(`${server.api}/api/auth/logoutAll`, {
            method: 'POST', headers: { authorization: `Bearer ${max.jwt}` } });
        assert.equal(res.status, 200);
        assert.equal(await stream.frame(), 'c[1008,"signed out"]');
        await stream.end();
    });
    test('without a CONNECT it is closed', async () => {
        const hasty = await startServer({ args: ['--connect-timeout', '300ms'] });
        try {
            const { users: [max] } = await createTenant(hasty, 'max');
            const stream = await openStream(hasty, max);
            assert.match(messagesOf(await stream.frame())[0], /^ERROR\n/);
            assert.match(await stream.frame(), /^c\[1008,/);
        } finally {
            await hasty.stop();
        }
    });
    test('a restart is told', async () => {
        const other = await startServer({ args: ['--drain-spread', '0s'] });
        const { users: [max] } = await createTenant(other, 'max');
        const stream = await openStream(other, max);
        await stream.connect();
        const idle = await newSession(other, max);
        assert.equal((await idle.poll()).text, 'o\n');
        const stopped = other.stop();
        assert.match(await stream.frame(), /^c\[1012,"retry-after=\d+"\]$/);
        await stopped;
    });
});

test('heart-beats every 25 seconds', async () => {
    const stream = await openStream(server, ann);
    const socket = socketTo(server, (await newSession(server, bob)).path('websocket'));
    assert.equal(await socket.next(), 'o');
    const quiet = { 'heart-beat': '0,0' };
    await stream.send(stream.connectFrame(quiet));
    await stream.stomp('CONNECTED');
    socket.ws.send(JSON.stringify([new SockSession(server, bob).connectFrame(quiet).toString()]));
    assert.match(messagesOf(await socket.next())[0], /^CONNECTED/);
    const begin = Date.now();
    await new Promise((done) => setTimeout(done, 20_000)); // time is what is tested
    assert.equal(stream.frames.length, 0);
    assert.deepEqual(await Promise.all([stream.frame(), socket.next()]), ['h', 'h']);
    const passed = Date.now() - begin;
    assert.ok(passed > 24_000 && passed < 27_000, `${passed} ms`);
    stream.abort();
    socket.ws.terminate();
});

// ---------------------------------------------------------------- HTTP

describe('HTTP', () => {
    const readChunk = async (socket, text) => {
        const chunk = `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
        await socket.seen(chunk);
    };
    test('1.1: a chunk for each frame, and the connection goes on', async () => {
        const session = await newSession(server, ann);
        const socket = await openTcp(server.api);
        socket.write(`POST ${session.path('xhr_streaming')} HTTP/1.1\r\nHost: x\r\n` +
            'Content-Length: 0\r\n\r\n');
        await readChunk(socket, `${'h'.repeat(2048)}\n`);
        await readChunk(socket, 'o\n');
        assert.match(socket.rest, /^HTTP\/1\.1 200 OK\r\n/);
        assert.match(socket.rest, /\r\nTransfer-Encoding: chunked\r\n/i);
        assert.doesNotMatch(socket.rest, /\r\nContent-Length/i);
        socket.write(`GET ${PREFIX} HTTP/1.1\r\nHost: x\r\n\r\n`); // waits for the stream's end
        await session.send(stomp('SEND', {}));
        await readChunk(socket, 'c[1002,"The first frame must be CONNECT."]\n');
        await socket.seen('\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n');
        await socket.seen('Welcome to SockJS!\n');
        await socket.destroy();
    });
    test('1.1: so it is with the other streams', async () => {
        for (const [path, frame] of [['eventsource', 'data: o\r\n\r\n'],
                                     ['htmlfile', '<script>\np("o");\n</script>\r\n']]) {
            const session = await newSession(server, ann);
            const socket = await openTcp(server.api);
            socket.write(`GET ${session.path(path, { c: 'x' })} HTTP/1.1\r\nHost: x\r\n\r\n`);
            await readChunk(socket, frame);
            const [, size, prelude] = /\r\n\r\n([0-9a-f]+)\r\n([^]*)$/.exec(
                socket.rest.slice(0, socket.rest.indexOf(frame)));
            const after = `\r\n${frame.length.toString(16)}\r\n`; // what stands before the frame
            assert.equal(parseInt(size, 16), prelude.length - after.length, path);
            await socket.destroy();
        }
    });
    test('1.0: no chunks, the end of the connection is the end', async () => {
        const session = await newSession(server, ann);
        const socket = await openTcp(server.api);
        socket.write(`POST ${session.path('xhr_streaming')} HTTP/1.0\r\nContent-Length: 0\r\n\r\n`);
        await socket.seen(`\r\n\r\n${'h'.repeat(2048)}\no\n`);
        await session.send(stomp('SEND', {}));
        await socket.whenClosed();
        assert.match(socket.rest, /\]\nc\[1002,"The first frame must be CONNECT\."\]\n$/);
        const head = socket.rest.split('\r\n\r\n')[0];
        assert.doesNotMatch(head, /Transfer-Encoding|Content-Length/i);
    });
    test('1.0 without streaming', async () => {
        const session = await newSession(server, ann);
        const socket = await openTcp(server.api);
        socket.write(`POST ${session.path('xhr')} HTTP/1.0\r\nContent-Length: 0\r\n\r\n`);
        await socket.whenClosed();
        assert.match(socket.rest, /\r\nContent-Length: 2\r\n[^]*\r\n\r\no\n$/);
    });
    test('polls of one connection, one behind the other', async () => {
        const session = await newSession(server, ann);
        const socket = await openTcp(server.api);
        const poll = `POST ${session.path('xhr')} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`;
        socket.write(poll + poll);
        assert.equal((await socket.response()).text, 'o\n');
        await session.send(session.connectFrame());
        assert.match((await socket.response()).text, /^a\["CONNECTED/);
        await socket.destroy();
    });
});
