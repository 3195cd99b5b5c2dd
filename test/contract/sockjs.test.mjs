// SockJS 0.3.3 as its document (sockjs-protocol-0.3.3.py) has it: paths, framing, each transport,
// closing, HTTP's quirks; all of its tests but what the table names. sockjs_ending.test.mjs has its
// HandlingClose, Http10 and Http11.
//
//  the document                        | here
//  /echo, /close and the like          | there is one service, STOMP behind a ticket: what the
//                                      | document echoes is a STOMP session instead, what it
//                                      | closes with 3000 "Go away!" ends by a wrong first frame
//  no query                            | every request of a session has ?ticket=; without: 401
//  /disabled_websocket_echo,           | no such options: WebSocket is always on, cookies are
//  /cookie_needed_echo                 | neither set nor read
//  response_limit=4096                 | 128 KiB, the default of its servers
//  WebsocketHixie76                    | refused: RFC 6455 and the drafts 7 and 8 alone
//  wrong JSON over a WebSocket: it is  | closed with 3000 "Broken framing."
//  cut                                 |
//  Origin: null is answered with *     | null is echoed, as servers do since: browsers take no * for
//                                      | requests with credentials, and sockjs-client's are
//  no no-transform in Cache-Control,   | both are there, as the suite's later versions have them
//  no /**/ before a jsonp callback     |

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { readStomp, stomp } from './frames.mjs';
import { createChat, createTenant, getTicket, startServer } from './harness.mjs';
import { exchange, get, open as openTcp } from './raw_http.mjs';
import { connect } from './realtime.mjs';
import {
    ask, messagesOf, newSession, NOT_CACHED, openStream, pathOf, PREFIX, SockSession, socketTo, Stream,
} from './sockjs.mjs';

let server, ann, bob;
before(async () => {
    server = await startServer({ args: ['--request-rate', 'off', '--message-rate', 'off'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
});
after(() => server?.stop());

const GET = (path, headers) => ask(server, 'GET', PREFIX + path, { headers });
const POST = (path, body, headers) => ask(server, 'POST', PREFIX + path, { body, headers });
const OPTIONS = (path, headers) => ask(server, 'OPTIONS', PREFIX + path, { headers });

function expectNotCached({ headers }) {
    assert.equal(headers['cache-control'], NOT_CACHED);
    assert.equal(headers.expires, undefined);
    assert.equal(headers['last-modified'], undefined);
}

function expectCached({ headers }) {
    assert.match(headers['cache-control'], /public/);
    assert.match(headers['cache-control'], /max-age=31536000/);
    const expires = (Date.parse(headers.expires) - Date.now()) / 86_400_000;
    assert.ok(expires > 364 && expires < 366, headers.expires);
    assert.equal(headers['last-modified'], undefined);
}

function expectCors({ headers }, origin) {
    assert.equal(headers['access-control-allow-origin'], origin ?? '*');
    assert.equal(headers['access-control-allow-credentials'], 'true');
    assert.match(headers.vary, /\bOrigin\b/);
    assert.equal(headers['set-cookie'], undefined);
}

async function expectPreflight(path, methods) {
    for (const origin of [undefined, 'http://test.example', 'null']) {
        const res = await OPTIONS(path, { 'Access-Control-Request-Method': methods,
                                          'Access-Control-Request-Headers': 'a, b',
                                          ...(origin && { Origin: origin }) });
        assert.equal(res.status, 204);
        assert.equal(res.text, '');
        expectCached(res);
        expectCors(res, origin);
        assert.ok(Number(res.headers['access-control-max-age']) > 1_000_000);
        assert.equal(res.headers['access-control-allow-methods'], methods);
        assert.equal(res.headers['access-control-allow-headers'], 'a, b');
    }
}

// ---------------------------------------------------------------- static pages

describe('greeting', () => {
    for (const path of ['', '/', '?ticket=x', '/?ticket=x']) {
        test(`at ${PREFIX}${path}`, async () => {
            const res = await GET(path);
            assert.equal(res.status, 200);
            assert.equal(res.headers['content-type'], 'text/plain; charset=UTF-8');
            assert.equal(res.text, 'Welcome to SockJS!\n');
            assert.equal(res.headers['set-cookie'], undefined);
        });
    }
    for (const path of ['/a', '/a.html', '//', '///', '/a/a', '/a/a/', '/a/', '/a/a/a', '/%',
                        '/a%2Fb/c/xhr']) {
        test(`nothing is at ${PREFIX}${path}`, async () => {
            assert.equal((await GET(path)).status, 404);
            assert.equal((await POST(path)).status, 404);
        });
    }
    test('nothing is where dots lead', async () => {
        for (const path of ['/./.', '/../x', '/./../xhr', '/././xhr']) {
            const res = await exchange(server.api, get(PREFIX + path)); // fetch would mend it
            assert.equal(res.status, 404, path);
        }
    });
});

describe('iframe page', () => {
    const body = new RegExp(`^<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script>
    document\\.domain = document\\.domain;
    _sockjs_onload = function\\(\\){SockJS\\.bootstrap_iframe\\(\\);};
  </script>
  <script src="https://[^"]+/sockjs\\.min\\.js"></script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe\\. It's used for cross domain magic\\.</p>
</body>
</html>$`);
    for (const name of ['iframe.html', 'iframe-a.html', 'iframe-.html', 'iframe-0.1.2.html',
                        'iframe-0.1.2abc-dirty.2144.html', 'iframe-a.html?t=1234',
                        'iframe-0.1.2abc-dirty.2144.html?t=qweqweq123']) {
        test(name, async () => {
            const res = await GET(`/${name}`);
            assert.equal(res.status, 200);
            assert.equal(res.headers['content-type'], 'text/html; charset=UTF-8');
            expectCached(res);
            assert.ok(res.headers.etag);
            assert.match(res.text, body);
            assert.equal(res.headers['set-cookie'], undefined);
        });
    }
    for (const name of ['iframe.htm', 'iframe', 'IFRAME.HTML', 'IFRAME', 'iframe.HTML', 'iframe.xml',
                        'iframe-/.html']) {
        test(`not ${name}`, async () => assert.equal((await GET(`/${name}`)).status, 404));
    }
    test('is not sent again to who has it', async () => {
        const { headers: { etag } } = await GET('/iframe.html');
        assert.equal((await GET('/iframe-1.html')).headers.etag, etag);
        for (const known of [etag, `"x", W/${etag}`, '*']) {
            const res = await GET('/iframe.html', { 'If-None-Match': known });
            assert.equal(res.status, 304);
            assert.equal(res.headers['content-type'], undefined);
            assert.equal(res.text, '');
            assert.equal(res.headers.etag, etag);
        }
        assert.equal((await GET('/iframe.html', { 'If-None-Match': '"x"' })).status, 200);
    });
});

describe('info', () => {
    test('says what is there', async () => {
        for (const origin of [undefined, 'https://shop.example', 'null']) {
            const res = await GET('/info', origin && { Origin: origin });
            assert.equal(res.status, 200);
            assert.equal(res.headers['content-type'], 'application/json; charset=UTF-8');
            expectNotCached(res);
            expectCors(res, origin);
            const { entropy, ...rest } = JSON.parse(res.text);
            assert.deepEqual(rest, { websocket: true, origins: ['*:*'], cookie_needed: false });
            assert.ok(Number.isInteger(entropy) && entropy >= 0 && entropy < 2 ** 32);
        }
    });
    test('is another each time', async () => {
        const seen = new Set();
        for (let i = 0; i < 5; i++) {
            seen.add(JSON.parse((await GET('/info')).text).entropy);
        }
        assert.ok(seen.size > 3);
    });
    test('preflight', () => expectPreflight('/info', 'OPTIONS, GET'));
    test('HEAD', async () => {
        const res = await ask(server, 'HEAD', `${PREFIX}/info`);
        assert.deepEqual([res.status, res.text], [200, '']);
    });
});

// ---------------------------------------------------------------- sessions

describe('session paths', () => {
    for (const path of ['/a/a', '/_/_', '/1/1', '/abcdefgh_i-j%20/abcdefg_i-j%20']) {
        test(`${path} is good`, async () => {
            const res = await POST(`${path}/xhr?ticket=${await getTicket(ann)}`);
            assert.deepEqual([res.status, res.text], [200, 'o\n']);
        });
    }
    for (const path of ['', '/', '/a./a', '/a/a.', '/./.', '//', '///', '/a']) {
        test(`${path}/xhr is nothing`, async () => {
            const ticket = await getTicket(ann);
            assert.equal((await GET(`${path}/xhr?ticket=${ticket}`)).status, 404);
            assert.equal((await POST(`${path}/xhr?ticket=${ticket}`)).status, 404);
        });
    }
    test('the server part means nothing', async () => {
        const session = await newSession(server, ann);
        assert.equal((await session.poll()).text, 'o\n');
        const path = session.path('xhr_send', {}, 'elsewhere');
        const sent = await ask(server, 'POST', path, { body: JSON.stringify([session.connectFrame().toString()]) });
        assert.equal(sent.status, 204);
        const res = await ask(server, 'POST', session.path('xhr', {}, '999'));
        assert.match(res.text, /^a\["CONNECTED\\n/);
    });
    test('methods that are not taken', async () => {
        const rows = [['GET', 'xhr'], ['GET', 'xhr_send'], ['GET', 'xhr_streaming'], ['PUT', 'xhr'],
                      ['POST', 'eventsource'], ['POST', 'htmlfile'], ['POST', 'jsonp'],
                      ['GET', 'jsonp_send'], ['POST', 'websocket'], ['DELETE', 'websocket']];
        for (const [method, transport] of rows) {
            const res = await ask(server, method, pathOf('x', transport));
            assert.equal(res.status, 405, `${method} ${transport}`);
            assert.equal(res.headers['content-type'], undefined);
            assert.ok(res.headers.allow);
            assert.equal(res.text, '');
        }
    });
    test('HEAD has no side effects', async () => {
        const session = await newSession(server, ann);
        for (const transport of ['eventsource', 'htmlfile', 'jsonp']) {
            const res = await ask(server, 'HEAD', session.path(transport, { c: 'x' }));
            assert.deepEqual([res.status, res.text], [200, '']);
        }
        assert.equal((await session.poll()).text, 'o\n');
    });
});

test('a session: messages and receipts by polling', async () => {
    const session = await newSession(server, ann);
    assert.equal((await session.poll()).text, 'o\n');
    await session.send(session.connectFrame());
    const [connected] = messagesOf((await session.poll()).text);
    assert.equal(readStomp(Buffer.from(connected)).command, 'CONNECTED');
    const receipt = (id) => stomp('SUBSCRIBE', { id, destination: '/user/queue/messages', receipt: id });
    await session.send(receipt('1'), receipt('2'));
    const got = [];
    while (got.length < 2) {
        got.push(...messagesOf((await session.poll()).text));
    }
    assert.deepEqual(got.map((text) => readStomp(Buffer.from(text)).headers['receipt-id']), ['1', '2']);
    await session.send(stomp('DISCONNECT', { receipt: 'bye' }));
    const [bye] = messagesOf((await session.poll()).text);
    assert.equal(readStomp(Buffer.from(bye)).headers['receipt-id'], 'bye');
    assert.equal((await session.poll()).text, 'c[1000,"Normal closure"]\n');
    assert.equal((await session.poll()).text, 'c[1000,"Normal closure"]\n');
});

test('STOMP frames may be split and joined over messages and requests', async () => {
    const session = await openStream(server, ann);
    const bytes = session.connectFrame().toString() +
        stomp('SUBSCRIBE', { id: '0', destination: '/user/queue/messages', receipt: 'r' });
    await session.send(bytes.slice(0, 5), bytes.slice(5, 30));
    await session.send(bytes.slice(30));
    await session.stomp('CONNECTED');
    await session.stomp('RECEIPT');
    session.abort();
});

test('many frames go as elements of one array, a STOMP frame in each', async () => {
    const session = await openStream(server, ann);
    await session.connect();
    await session.subscribe();
    const { chatId } = await createChat(ann, bob);
    const sender = await connect(server, bob);
    session.pause();
    const texts = Array.from({ length: 100 }, (_, i) => `message ${i}`);
    await Promise.all(texts.map((message) => sender.send({ type: 'SEND_MSG', chatId, message })));
    session.resume();
    const got = [];
    while (got.length < texts.length) {
        const event = JSON.parse((await session.stomp('MESSAGE')).body);
        if (event.type === 'SEND_MSG') {
            got.push(event.message);
        }
    }
    assert.deepEqual(got, texts);
    await sender.close();
    session.abort();
});

// ---------------------------------------------------------------- websocket

describe('websocket', () => {
    const fresh = async (options) => {
        const session = await newSession(server, ann);
        return { session, ...socketTo(server, session.path('websocket'), options) };
    };

    test('opens, speaks, closes', async () => {
        const { session, ws, next } = await fresh();
        assert.equal(await next(), 'o');
        ws.send('');
        ws.send('[]');
        ws.send(JSON.stringify([session.connectFrame().toString()]));
        const [connected] = messagesOf(await next());
        assert.equal(readStomp(Buffer.from(connected)).command, 'CONNECTED');
        ws.send(JSON.stringify(stomp('DISCONNECT', { receipt: 'r' }).toString()));
        assert.match(messagesOf(await next())[0], /^RECEIPT\n/);
        assert.equal(await next(), 'c[1000,"Normal closure"]');
        assert.equal((await next()).code, 1000);
    });
    test('the same name twice is two sessions', async () => {
        const id = randomUUID();
        const two = [];
        for (const user of [ann, bob]) {
            const session = new SockSession(server, user, await getTicket(user), id);
            const socket = socketTo(server, session.path('websocket'));
            assert.equal(await socket.next(), 'o');
            socket.ws.send(JSON.stringify([session.connectFrame().toString()]));
            assert.match(messagesOf(await socket.next())[0], new RegExp(`user-name:${user.id}`));
            two.push(socket);
        }
        two.forEach(({ ws }) => ws.terminate());
    });
    for (const broken of ['["a', '{', '"', '[1,', '["\\ud800"]']) {
        test(`${broken} ends it abruptly`, async () => {
            const { ws, next } = await fresh();
            assert.equal(await next(), 'o');
            ws.send(broken);
            assert.deepEqual(await next(), { code: 3000, reason: 'Broken framing.' });
        });
    }
    test('a message in fragments', async () => {
        const { session, ws, next } = await fresh();
        assert.equal(await next(), 'o');
        const text = JSON.stringify([session.connectFrame().toString()]);
        ws.send(text.slice(0, 7), { fin: false });
        ws.send(text.slice(7, 50), { fin: false });
        ws.send(text.slice(50), { fin: true });
        assert.match(messagesOf(await next())[0], /^CONNECTED\n/);
        ws.terminate();
    });
    test('a wrong STOMP frame: ERROR, then the close frame', async () => {
        const { ws, next } = await fresh();
        assert.equal(await next(), 'o');
        ws.send(JSON.stringify([stomp('SEND', {}).toString()]));
        assert.match(messagesOf(await next())[0], /^ERROR\n/);
        assert.match(await next(), /^c\[1002,"The first frame must be CONNECT\."\]$/);
        assert.equal((await next()).code, 1002);
    });
    test('pings are answered', async () => {
        const { ws, next } = await fresh();
        assert.equal(await next(), 'o');
        const pong = new Promise((done) => ws.once('pong', done));
        ws.ping('x');
        assert.equal((await pong).toString(), 'x');
        ws.close();
        assert.equal((await next()).code, 1005);
    });
    test('the handshake, of older versions too', async () => {
        const rows = ['7', '8', '13'].flatMap((version) => [
            ['websocket', 'Upgrade', version], ['WebSocket', 'keep-alive, Upgrade', version],
            ['WEBSOCKET', 'UPGRADE,keep-alive', version]]);
        for (const [upgrade, connection, version] of rows) { // Firefox 6.0.2 keeps alive
            const session = await newSession(server, ann);
            const socket = await openTcp(server.api);
            socket.write([
                `GET ${session.path('websocket')} HTTP/1.1`, 'HOST: localhost', `upgrade: ${upgrade}`,
                `CONNECTION: ${connection}`, `sec-websocket-VERSION: ${version}`,
                'Sec-WebSocket-Origin: http://asd', 'Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==',
                '', ''].join('\r\n'));
            await socket.seen('\r\n\r\n');
            await socket.seen('\x81\x01o');
            const head = socket.rest.toLowerCase();
            assert.match(head, /^http\/1\.1 101 /);
            assert.match(socket.rest, /sec-websocket-accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=/i);
            assert.match(head, /\r\nconnection: upgrade\r\n/);
            assert.match(head, /\r\nupgrade: websocket\r\n/);
            assert.doesNotMatch(head, /content-length/);
            await socket.destroy();
        }
    });
    for (const path of ['/0/0/websocket', '/websocket']) {
        test(`${path} without an upgrade`, async () => {
            let res = await GET(path);
            assert.equal(res.status, 400);
            assert.match(res.text, /Can "Upgrade" only to "WebSocket"\./);
            res = await GET(path, { Upgrade: 'WebSocket', Connection: 'close' });
            assert.equal(res.status, 400);
            assert.match(res.text, /"Connection" must be "Upgrade"\./);
            for (const headers of [{}, { Upgrade: 'WebSocket', Connection: 'Upgrade' }]) {
                res = await POST(path, undefined, headers);
                assert.equal(res.status, 405);
                assert.equal(res.headers['content-type'], undefined);
                assert.ok(res.headers.allow);
                assert.equal(res.text, '');
            }
        });
    }
    test('Hixie-76 is refused', async () => {
        const { status } = await exchange(server.api, [
            `GET ${(await newSession(server, ann)).path('websocket')} HTTP/1.1`, 'Host: localhost',
            'Upgrade: WebSocket', 'Connection: Upgrade', 'Origin: http://localhost',
            'Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5', 'Sec-WebSocket-Key2: 12998 5 Y3 1  .P00',
            '', '^n:ds[4U'].join('\r\n'));
        assert.ok(status === 400 || status === 426, `answered ${status}`);
    });
    test('raw: STOMP without framing', async () => {
        const session = await newSession(server, ann);
        const { ws, next } = socketTo(server, `${PREFIX}/websocket?ticket=${session.ticket}`);
        await new Promise((done) => ws.once('open', done));
        ws.send(session.connectFrame());
        assert.match(await next(), /^CONNECTED\n/);
        ws.close(1000);
        assert.equal((await next()).code, 1000);
    });
});

// ---------------------------------------------------------------- xhr

describe('xhr', () => {
    test('preflight', async () => {
        for (const transport of ['xhr', 'xhr_send', 'xhr_streaming']) {
            await expectPreflight(`/abc/abc/${transport}`, 'OPTIONS, POST');
        }
    });
    test('heads', async () => {
        for (const origin of [undefined, 'https://shop.example']) {
            const session = await newSession(server, ann);
            const headers = origin && { Origin: origin, Cookie: 'JSESSIONID=x' };
            const polled = await session.poll({ headers });
            assert.deepEqual([polled.status, polled.text], [200, 'o\n']);
            assert.equal(polled.headers['content-type'], 'application/javascript; charset=UTF-8');
            expectCors(polled, origin);
            expectNotCached(polled);
            const sent = await session.post('[]', headers);
            assert.deepEqual([sent.status, sent.text], [204, '']);
            assert.equal(sent.headers['content-type'], 'text/plain; charset=UTF-8');
            expectCors(sent, origin);
            expectNotCached(sent);
        }
    });
    test('an unknown session', async () => {
        const session = await newSession(server, ann);
        assert.equal((await session.post('["x"]')).status, 404);
        assert.equal((await POST(`/000/${randomUUID()}/xhr_send`, '["x"]')).status, 404);
    });
    test('wrong payloads', async () => {
        const session = await newSession(server, ann);
        assert.equal((await session.poll()).text, 'o\n');
        for (const [body, words] of [
            ['["x', 'Broken JSON encoding.'], ['', 'Payload expected.'], ['{}', 'Payload expected.'],
            ['"x"', 'Payload expected.'], ['["x",1]', 'Payload expected.'],
            ['\xff', 'Broken JSON encoding.'],
        ]) {
            const res = await session.post(Buffer.from(body, 'latin1'));
            assert.deepEqual([res.status, res.text], [500, words], body);
        }
        await session.send(session.connectFrame());
        assert.match((await session.poll()).text, /^a\["CONNECTED/);
    });
    test('content types', async () => {
        const session = await newSession(server, ann);
        assert.equal((await session.poll()).text, 'o\n');
        for (const type of ['text/plain', 'T', 'application/json', 'application/xml', '', 'text/xml',
                            'application/json; charset=utf-8', 'text/xml; charset=utf-8']) {
            assert.equal((await session.post('["\\n"]', { 'content-type': type })).status, 204, type);
        }
    });
    test('headers that were asked for are allowed', async () => {
        const session = await newSession(server, ann);
        const asked = { 'Access-Control-Request-Headers': 'a, b, c' };
        const res = await session.poll({ headers: asked });
        assert.equal(res.headers['access-control-allow-headers'], 'a, b, c');
        const other = await newSession(server, ann);
        for (const headers of [{ 'Access-Control-Request-Headers': '' }, {}]) {
            const none = await other.poll({ headers: { ...headers } });
            assert.equal(none.headers['access-control-allow-headers'], undefined);
            await other.send('\n');
            if (none.text === 'o\n') {
                await other.send(other.connectFrame());
            }
        }
    });
    test('bodies of 256 KiB, chunked, and not a byte more', async () => {
        const session = await openStream(server, ann);
        await session.connect();
        const send = (size, headers) => {
            const frames = ['\n'.repeat(100)];
            const text = JSON.stringify(frames);
            return session.post(text + ' '.repeat(size - text.length), headers);
        };
        assert.equal((await send(256 * 1024)).status, 204);
        assert.equal((await send(256 * 1024, { 'Transfer-Encoding': 'chunked' })).status, 204);
        assert.equal((await send(256 * 1024 + 1)).status, 413);
        assert.equal((await send(256 * 1024 + 1, { 'Transfer-Encoding': 'chunked' })).status, 413);
        session.abort();
    });
});

describe('xhr_streaming', () => {
    test('prelude, frames, heads', async () => {
        const stream = await openStream(server, ann);
        assert.equal(stream.headers['content-type'], 'application/javascript; charset=UTF-8');
        expectNotCached(stream);
        expectCors(stream);
        assert.ok(stream.text.startsWith(`${'h'.repeat(2048)}\no\n`));
        await stream.connect();
        stream.abort();
    });
    test('is answered anew after 128 KiB, and loses nothing', async () => {
        await rotation('xhr_streaming');
    });
});

/** Streams much to ann; each answer ends a little after 128 KiB. */
async function rotation(transport, more) {
    const stream = await openStream(server, ann, transport, more);
    await stream.connect();
    await stream.subscribe();
    const { chatId } = await createChat(ann, bob);
    const sender = await connect(server, bob);
    const count = 60, size = 8000;
    const got = [];
    let answers = 1, longest = 0;
    const sent = (async () => {
        for (let i = 0; i < count; i++) {
            await sender.send({ type: 'SEND_MSG', chatId, message: `${i} ${'%'.repeat(size)}` });
        }
    })();
    while (got.length < count) {
        try {
            const event = JSON.parse((await stream.stomp('MESSAGE')).body);
            if (event.type === 'SEND_MSG') {
                got.push(parseInt(event.message, 10));
            }
        } catch (error) {
            assert.match(error.message, /the stream ended/);
            assert.ok(stream.text.length >= 128 * 1024, `ended after ${stream.text.length}`);
            longest = Math.max(longest, stream.text.length);
            answers++;
            await stream.open(transport, more);
        }
    }
    await sent;
    assert.deepEqual(got, Array.from({ length: count }, (_, i) => i));
    assert.ok(answers > 2, `${answers} answers`);
    assert.ok(longest < 128 * 1024 * 8, `${longest} bytes`);
    await sender.close();
    stream.abort();
}

// ---------------------------------------------------------------- eventsource, htmlfile, jsonp

describe('eventsource', () => {
    test('prelude, frames, heads', async () => {
        const stream = await openStream(server, ann, 'eventsource');
        assert.equal(stream.headers['content-type'], 'text/event-stream');
        expectNotCached(stream);
        expectCors(stream);
        assert.ok(stream.text.startsWith('\r\ndata: o\r\n\r\n'));
        await stream.connect();
        assert.match(stream.text, /\r\n\r\ndata: a\["CONNECTED\\n[^\r\n]*\\u0000"\]\r\n\r\n$/);
        stream.abort();
    });
    test('percents are escaped', async () => {
        const stream = await openStream(server, ann, 'eventsource');
        await stream.connect();
        await stream.subscribe();
        const { chatId } = await createChat(ann, bob);
        const sender = await connect(server, bob);
        await sender.send({ type: 'SEND_MSG', chatId, message: '100 %41 %' });
        let event;
        do {
            event = JSON.parse((await stream.stomp('MESSAGE')).body);
        } while (event.type !== 'SEND_MSG');
        assert.equal(event.message, '100 %41 %');
        assert.ok(!stream.text.includes('%'));
        assert.ok(stream.text.includes('100 \\u002541 \\u0025'));
        await sender.close();
        stream.abort();
    });
    test('rotation', () => rotation('eventsource'));
});

const callbacks = (transport) => {
    test('no callback', async () => {
        for (const query of ['', '?c=', '?x=y', '?callback']) {
            const res = await GET(`/a/a/${transport}${query}`);
            assert.deepEqual([res.status, res.text], [500, '"callback" parameter required'], query);
        }
    });
    test('a wrong callback', async () => {
        for (const callback of ['%20', '*', 'abc(', 'abc%28', '%3Cscript%3E', 'a'.repeat(65)]) {
            const res = await GET(`/a/a/${transport}?c=${callback}`);
            assert.deepEqual([res.status, res.text], [500, 'invalid "callback" parameter'], callback);
        }
    });
};

describe('htmlfile', () => {
    callbacks('htmlfile');
    test('prelude, frames, heads', async () => {
        const stream = new Stream(server, ann, await getTicket(ann));
        stream.path = (transport) => pathOf(stream.id, transport, stream.ticket) + '&c=%63allback';
        await stream.open('htmlfile');
        assert.equal(await stream.frame(), 'o');
        assert.equal(stream.headers['content-type'], 'text/html; charset=UTF-8');
        expectNotCached(stream);
        const at = stream.text.indexOf('<script>\np("o");\n</script>\r\n');
        assert.ok(at > 1024);
        assert.equal(stream.text.slice(0, at).trim(), `<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.callback;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>`);
        await stream.connect();
        stream.abort();
    });
    test('no message can end the script it stands in', async () => {
        const stream = await openStream(server, ann, 'htmlfile', { c: 'x' });
        await stream.connect();
        await stream.subscribe();
        const { chatId } = await createChat(ann, bob);
        const sender = await connect(server, bob);
        await sender.send({ type: 'SEND_MSG', chatId, message: '</script><!--<script>' });
        let event;
        do {
            event = JSON.parse((await stream.stomp('MESSAGE')).body);
        } while (event.type !== 'SEND_MSG');
        assert.equal(event.message, '</script><!--<script>');
        assert.ok(!stream.text.includes('</script><!--'));
        await sender.close();
        stream.abort();
    });
    test('rotation', () => rotation('htmlfile', { c: 'x' }));
});

describe('jsonp', () => {
    callbacks('jsonp');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const fresh = async () => {
        const session = await newSession(server, ann);
        const poll = () => ask(server, 'GET', session.path('jsonp', { c: 'call.back' }));
        const send = (body, headers = form) =>
            ask(server, 'POST', session.path('jsonp_send'), { body, headers });
        const first = await poll();
        assert.equal(first.text, '/**/call.back("o");\r\n');
        return { session, poll, send, first };
    };
    const called = (text) => JSON.parse(/^\/\*\*\/call\.back\((.*)\);\r\n$/s.exec(text)[1]);

    test('heads, messages, close', async () => {
        const { session, poll, send, first } = await fresh();
        assert.equal(first.headers['content-type'], 'application/javascript; charset=UTF-8');
        assert.equal(first.headers['x-content-type-options'], 'nosniff');
        expectNotCached(first);
        const frame = JSON.stringify([session.connectFrame().toString()]);
        const sent = await send(`d=${encodeURIComponent(frame)}`);
        assert.deepEqual([sent.status, sent.text], [200, 'ok']);
        assert.equal(sent.headers['content-type'], 'text/plain; charset=UTF-8');
        expectNotCached(sent);
        assert.match(messagesOf(called((await poll()).text))[0], /^CONNECTED\n/);
        const bye = JSON.stringify([stomp('DISCONNECT', { receipt: '%41' }).toString()]);
        assert.equal((await send(bye, { 'content-type': 'text/plain' })).text, 'ok');
        assert.match(messagesOf(called((await poll()).text))[0], /receipt-id:%41/);
        const last = await ask(server, 'GET', `${session.path('jsonp')}&callback=%63all.b%61ck`);
        assert.equal(called(last.text), 'c[1000,"Normal closure"]');
        for (let i = 0; i < 2; i++) {
            assert.equal(called((await poll()).text), 'c[1000,"Normal closure"]');
        }
    });
    test('wrong payloads', async () => {
        const { send } = await fresh();
        assert.equal((await send('d=%5B%22x')).text, 'Broken JSON encoding.');
        for (const body of ['', 'd=', 'p=p']) {
            const res = await send(body);
            assert.deepEqual([res.status, res.text], [500, 'Payload expected.'], body);
        }
        assert.equal((await send('d=%5B%5D')).text, 'ok');
    });
});

// ---------------------------------------------------------------- encoding

test('what browsers garble goes escaped, and comes back as it was', async () => {
    const garbled = [];
    const ranges = [[0x200c, 0x200f], [0x2028, 0x202f], [0x2060, 0x206f], [0xfff0, 0xffff]];
    for (const [from, to] of ranges) {
        for (let code = from; code <= to; code++) {
            garbled.push(String.fromCharCode(code));
        }
    }
    const message = `x${garbled.join('')}😀\u{10ffff} é中`;
    const session = await newSession(server, ann);
    const { chatId } = await createChat(ann, bob);
    const events = [];
    const drain = async () => {
        const { text } = await session.poll();
        return text[0] === 'a' ? messagesOf(text).map((each) => ({ text, each })) : [];
    };
    await session.poll();
    await session.send(session.connectFrame());
    await drain();
    await session.send(stomp('SUBSCRIBE', { id: '0', destination: '/user/queue/messages' }));
    const body = JSON.stringify({ type: 'SEND_MSG', chatId, message });
    await session.send(stomp('SEND', { destination: '/api/chat' }, body));
    while (!events.some(({ each }) => each.includes('SEND_MSG'))) {
        events.push(...await drain());
    }
    const { text, each } = events.find((event) => event.each.includes('SEND_MSG'));
    assert.equal(JSON.parse(readStomp(Buffer.from(each)).body).message, message);
    assert.doesNotMatch(text, /[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff\ud800-\udfff]/);
    const escaped = [...garbled, '\ud83d', '\ude00'].map((c) =>
        `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
    for (const escape of escaped) {
        assert.ok(text.includes(escape), escape);
    }
});
