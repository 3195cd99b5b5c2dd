// Malformed, oversized, cut, slow and crowded HTTP at the socket. After each the server serves on.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { api, createTenant, expectStatus, startServer } from './harness.mjs';
import { chunked, exchange, get, message, open } from './raw_http.mjs';

// The shortest times that leave a loaded machine room, so that the slow-loris tests are quick.
const server = await startServer({
    args: ['--request-timeout', '2s', '--idle-timeout', '3s', '--request-rate', 'off'],
});
after(() => server.stop());

let ann;
let pid;
before(async () => {
    ({ users: [ann] } = await createTenant(server, 'ann', 'bob'));
    pid = server.pid;
});
afterEach(async () => {
    const res = await exchange(server.api, get('/livez'));
    assert.equal(res.status, 200);
    process.kill(pid, 0);
});

const SECRET = 'GET /api/user/getUser HTTP/1.1\r\nHost: x\r\n\r\n'; // what must not be run
const post = (lines, body = '') =>
    `POST /api/user/signin HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
const line = (text) => `${text}\r\nHost: x\r\n\r\n`;
const header = (text) => `GET /livez HTTP/1.1\r\nHost: x\r\n${text}\r\n\r\n`;
const inChunks = (body) => post(['Transfer-Encoding: chunked'], body);

const MALFORMED = {
    'no version': line('GET /livez'),
    'two spaces': line('GET  /livez HTTP/1.1'),
    'a space in the target': line('GET /live z HTTP/1.1'),
    'a tab in the request line': line('GET\t/livez HTTP/1.1'),
    'a lower case version': line('GET /livez http/1.1'),
    'a long version': line('GET /livez HTTP/1.10'),
    'no target': line('GET  HTTP/1.1'),
    'a relative target': line('GET livez HTTP/1.1'),
    'a target of another scheme': line('GET ftp://x/livez HTTP/1.1'),
    'a fragment': line('GET /livez#x HTTP/1.1'),
    'bytes that are not ASCII in the target': line('GET /liv\xe9z HTTP/1.1'),
    'a NUL in the target': line('GET /livez\0 HTTP/1.1'),
    'a method that is no token': line('G(T /livez HTTP/1.1'),
    'a TLS hello': Buffer.from('16030100c8010000c40303', 'hex'),
    'no Host': 'GET /livez HTTP/1.1\r\n\r\n',
    'two Hosts': header('Host: y'),
    'a Host with a path': 'GET /livez HTTP/1.1\r\nHost: x/y\r\n\r\n',
    'a header without a colon': header('X-Header'),
    'a header without a name': header(': value'),
    'a space before the colon': header('X-Header : value'),
    'a space before the first header': 'GET /livez HTTP/1.1\r\n Host: x\r\n\r\n',
    'a folded header': header('X-Header: one\r\n two'),
    'a header folded with a tab': header('X-Header: one\r\n\ttwo'),
    'a bare LF after the request line': 'GET /livez HTTP/1.1\nHost: x\r\n\r\n',
    'a bare LF after a header': header('X-Header: value\nX-Other: value'),
    'only bare LFs': 'GET /livez HTTP/1.1\nHost: x\n\n',
    'a bare CR in a header': header('X-Header: one\rX-Other: two'),
    'a bare CR in the request line': line('GET /livez\r HTTP/1.1'),
    'a NUL in a header': header('X-Header: a\0b'),
    'a DEL in a header': header('X-Header: a\x7fb'),
    'a control character in a header': header('X-Header: a\x01b'),
    'a header name with bytes that are not ASCII': header('X-H\xe9ader: value'),
    'a bare CR before the empty line': 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\r\n',
};

const SMUGGLING = {
    'Content-Length and Transfer-Encoding':
        post(['Content-Length: 6', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SECRET}`),
    'Transfer-Encoding and Content-Length':
        post(['Transfer-Encoding: chunked', 'Content-Length: 6'], `0\r\n\r\n${SECRET}`),
    'two different Content-Lengths': post(['Content-Length: 5', 'Content-Length: 0'], SECRET),
    'the same Content-Length twice': post(['Content-Length: 0', 'Content-Length: 0'], SECRET),
    'a list of Content-Lengths': post(['Content-Length: 0, 0'], SECRET),
    'a negative Content-Length': post(['Content-Length: -1'], SECRET),
    'a signed Content-Length': post(['Content-Length: +5'], SECRET),
    'a hexadecimal Content-Length': post(['Content-Length: 0x5'], SECRET),
    'a Content-Length with a point': post(['Content-Length: 5.0'], SECRET),
    'an empty Content-Length': post(['Content-Length: '], SECRET),
    'a Content-Length with a space inside': post(['Content-Length: 1 0'], SECRET),
    'a Content-Length with a space before the colon': post(['Content-Length : 5'], SECRET),
    'a folded Content-Length': post(['Content-Length:\r\n 5'], SECRET),
    'a folded Transfer-Encoding': post(['Transfer-Encoding:\r\n chunked'], `0\r\n\r\n${SECRET}`),
    'Transfer-Encoding twice':
        post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SECRET}`),
    'chunked twice': post(['Transfer-Encoding: chunked, chunked'], `0\r\n\r\n${SECRET}`),
    'chunked with a parameter': post(['Transfer-Encoding: chunked;x=1'], `0\r\n\r\n${SECRET}`),
    'Transfer-Encoding in HTTP/1.0':
        inChunks(`0\r\n\r\n${SECRET}`).replace('HTTP/1.1', 'HTTP/1.0'),
    'an empty Transfer-Encoding': post(['Transfer-Encoding: '], SECRET),
    'a quoted Transfer-Encoding': post(['Transfer-Encoding: "chunked"'], `0\r\n\r\n${SECRET}`),
    'an empty chunk size': inChunks(`\r\n${SECRET}`),
    'a chunk size that is no number': inChunks(`x\r\n\r\n${SECRET}`),
    'a chunk size with 0x': inChunks(`0x2\r\n{}\r\n0\r\n\r\n${SECRET}`),
    'a signed chunk size': inChunks(`+2\r\n{}\r\n0\r\n\r\n${SECRET}`),
    'a negative chunk size': inChunks(`-1\r\n{}\r\n0\r\n\r\n${SECRET}`),
    'a chunk size that overflows': inChunks(`10000000000000002\r\n{}\r\n0\r\n\r\n${SECRET}`),
    'a space before the chunk size': inChunks(` 2\r\n{}\r\n0\r\n\r\n${SECRET}`),
    'a chunk longer than its size': inChunks(`1\r\n{}\r\n0\r\n\r\n${SECRET}`),
    'a chunk size ended by a bare LF': inChunks(`2\n{}\r\n0\r\n\r\n${SECRET}`),
    'a chunk ended by a bare LF': inChunks(`2\r\n{}\n0\r\n\r\n${SECRET}`),
    'an extension with a bare LF': inChunks(`2;a\nb\r\n{}\r\n0\r\n\r\n${SECRET}`),
    'a bad trailer': inChunks(`2\r\n{}\r\n0\r\nbad trailer\r\n\r\n${SECRET}`),
};

/** Sends bytes that must be refused: one answer, then the connection is closed. */
async function expectRefused(base, bytes, statuses) {
    const socket = await open(base);
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    const res = await socket.response();
    assert.ok(statuses.includes(res.status), res.raw);
    assert.match(res.body.code, /^[A-Z_]+$/);
    assert.match(res.headers.get('connection') ?? '', /\bclose\b/i, res.raw);
    await socket.whenClosed();
    assert.equal(socket.rest, '', 'something followed the refusal');
    return res;
}

for (const [what, bytes] of Object.entries({ ...MALFORMED, ...SMUGGLING })) {
    test(`${what} is a 400 and the end of the connection`, async () => {
        await expectRefused(server.api, bytes, [400]);
        await expectRefused(server.management, bytes, [400]);
    });
}

test('what is well-formed but not spoken is told apart', async () => {
    await expectRefused(server.api, line('GET /livez HTTP/2.0'), [505]);
    await expectRefused(server.api, line('CONNECT x:80 HTTP/1.1'), [400, 405, 501]);
    await expectRefused(server.api, post(['Transfer-Encoding: gzip'], SECRET), [400, 501]);
    await expectRefused(server.api, post(['Transfer-Encoding: gzip, chunked'], SECRET), [400, 501]);
    await expectRefused(server.api, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505]);
});

test('forms that are allowed are taken', async () => {
    const fine = [
        'GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n',
        '\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n',
        'GET /livez HTTP/1.1\r\nhOsT:x\t \r\nX-Empty:\r\n\r\n',
        'GET /livez?a=b%zz&%00&/?? HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n',
        'GET /livez HTTP/1.1\r\nHost: x\r\nX-Text: caf\xe9 "{}" \x80\r\n\r\n',
        'GET /livez HTTP/1.0\r\n\r\n',
    ];
    for (const text of fine) {
        const res = await exchange(server.api, Buffer.from(text, 'latin1'));
        assert.equal(res.status, 200, text);
    }
});

test('a request that ends anywhere in the middle harms nothing', async () => {
    const body = JSON.stringify({ chatName: 'x', userNames: ['ann', 'nobody'] });
    const whole = message('POST', '/api/chat/createChat', {
        Authorization: `Bearer ${ann.jwt}`, 'Content-Type': 'application/json',
    }, body);
    const inChunks = Buffer.concat([Buffer.from(message('POST', '/api/chat/createChat', {
        Authorization: `Bearer ${ann.jwt}`, 'Transfer-Encoding': 'chunked',
    })), chunked(body)]);
    for (const bytes of [Buffer.from(whole), inChunks]) {
        for (let from = 0; from < bytes.length; from += 64) {
            await Promise.all(Array.from({ length: Math.min(64, bytes.length - from) }, async (_, i) => {
                const socket = await open(server.api);
                socket.write(bytes.subarray(0, from + i));
                socket.end();
                await socket.whenClosed();
                assert.ok(!socket.rest.startsWith('HTTP/1.1 2'), 'half a request was run');
            }));
        }
        const res = await exchange(server.api, bytes);
        assert.equal(res.body.code, 'USER_NOT_FOUND');
    }
    const { chats } = (await api(ann, 'GET', '/api/chat/getChats')).body;
    assert.deepEqual(chats, []);
});

test('a request that comes byte by byte is served', async () => {
    const socket = await open(server.api);
    for (const byte of get('/api/user/getUser', { Authorization: `Bearer ${ann.jwt}` })) {
        socket.write(byte);
        await new Promise(setImmediate);
    }
    assert.equal((await socket.response()).body.id, ann.id);
    await socket.destroy();
});

test('a head that is too large is refused', async () => {
    const big = 'x'.repeat(70_000);
    await expectRefused(server.api, header(`X-Header: ${big}`), [431]);
    await expectRefused(server.api, header(`${big}: x`), [400, 431]);
    await expectRefused(server.api, line(`GET /${big} HTTP/1.1`), [414, 431]);
    await expectRefused(server.api, line(`${big} / HTTP/1.1`), [400, 431]);
    const many = Array.from({ length: 2000 }, (_, i) => `X-${i}: ${i}`).join('\r\n');
    await expectRefused(server.api, header(many), [431]);
    await expectRefused(server.api, '\r\n'.repeat(1000), [400, 431]);
});

test('a head without end is cut off, not collected', async () => {
    const socket = await open(server.api);
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n');
    let written = 0;
    while (!socket.ended && written < 4_000_000) {
        socket.write(`X-${written}: ${'y'.repeat(1000)}\r\n`);
        written += 1000;
        await new Promise(setImmediate);
    }
    assert.ok(socket.ended, `still open after ${written} bytes`);
    await socket.destroy();
});

test('a chunked body without end is cut off at the limit', async () => {
    const socket = await open(server.api);
    socket.write(message('POST', '/api/chat/createChat', {
        Authorization: `Bearer ${ann.jwt}`, 'Content-Type': 'application/json',
        'Transfer-Encoding': 'chunked',
    }));
    for (let i = 0; i < 70 && !socket.ended; i++) {
        socket.write(`400\r\n${' '.repeat(1024)}\r\n`);
    }
    assert.equal((await socket.response()).status, 413);
    await socket.whenClosed();
    for (const bytes of [`1;${'x'.repeat(70_000)}\r\n`, `0\r\n${'X-T: y\r\n'.repeat(10_000)}`,
                         '7fffffffffffffff\r\n', 'ffffffffffffffff\r\n']) {
        await expectRefused(server.api, inChunks(bytes), [400, 413, 431]);
    }
});

test('a connection serves many requests, and answers come in order when pipelined', async () => {
    const socket = await open(server.api);
    const headers = { Authorization: `Bearer ${ann.jwt}` };
    const paths = ['/livez', '/api/user/getUser', '/nowhere', '/api/chat/getChats', '/api/user/getUser',
                   '/livez'];
    const expected = [200, 200, 404, 200, 200, 200];
    for (const path of paths) {
        socket.write(get(path, headers));
        assert.equal((await socket.response()).status, expected[paths.indexOf(path)]);
    }
    const ids = paths.map((_, i) => `pipelined-${i}`);
    socket.write(paths.map((path, i) => get(path, { ...headers, 'X-Request-Id': ids[i] })).join(''));
    for (const [i] of paths.entries()) {
        const res = await socket.response();
        assert.equal(res.status, expected[i], res.raw);
        assert.equal(res.headers.get('x-request-id'), ids[i]);
    }
    await socket.destroy();
});

test('a pipeline of a thousand requests is answered in full', async () => {
    const socket = await open(server.api);
    socket.write(get('/livez').repeat(1000));
    for (let i = 0; i < 1000; i++) {
        assert.equal((await socket.response()).status, 200, `answer ${i}`);
    }
    await socket.destroy();
});

test('requests behind a pipelined change see it', async () => {
    const socket = await open(server.api);
    const headers = { Authorization: `Bearer ${ann.jwt}`, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ newUsername: 'ann-pipelined' });
    socket.write(message('POST', '/api/user/changeUsername', headers, body) +
        get('/api/user/getUser', headers));
    expectStatus({ ...await socket.response(), path: 'changeUsername' }, 200);
    assert.equal((await socket.response()).body.username, 'ann-pipelined');
    await socket.destroy();
});

test('Connection: close and HTTP/1.0 end the connection after the answer', async () => {
    for (const text of [get('/livez', { Connection: 'close' }), 'GET /livez HTTP/1.0\r\n\r\n',
                        get('/nowhere', { Connection: 'Close' })]) {
        const socket = await open(server.api);
        socket.write(text + get('/livez'));
        const res = await socket.response();
        assert.ok([200, 404].includes(res.status));
        assert.match(res.headers.get('connection') ?? '', /close/i);
        await socket.whenClosed();
        assert.equal(socket.rest, '');
    }
    const kept = await open(server.api);
    for (let i = 0; i < 2; i++) {
        kept.write('GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
        assert.equal((await kept.response()).status, 200);
    }
    await kept.destroy();
});

test('Expect: 100-continue is answered before the body, or refused instead of it', async () => {
    const body = JSON.stringify({ newUsername: 'ann-expects' });
    const headers = {
        Authorization: `Bearer ${ann.jwt}`, 'Content-Type': 'application/json',
        Expect: '100-continue', 'Content-Length': body.length,
    };
    const socket = await open(server.api);
    socket.write(message('POST', '/api/user/changeUsername', headers));
    assert.equal((await socket.response()).status, 100);
    socket.write(body);
    assert.equal((await socket.response()).status, 200);
    socket.write(get('/livez'));
    assert.equal((await socket.response()).status, 200);
    await socket.destroy();

    const eager = await open(server.api);
    eager.write(message('POST', '/api/user/changeUsername', headers) + body);
    let res = await eager.response();
    if (res.status === 100) {
        res = await eager.response();
    }
    assert.equal(res.status, 200);
    await eager.destroy();

    const large = await open(server.api);
    large.write(message('POST', '/api/user/changeUsername', { ...headers, 'Content-Length': 1e9 }));
    assert.equal((await large.response()).status, 413);
    await large.destroy();
});

test('a half-closed client still gets its answer', async () => {
    const socket = await open(server.api);
    socket.write(get('/api/user/getUser', { Authorization: `Bearer ${ann.jwt}` }));
    socket.end();
    assert.equal((await socket.response()).status, 200);
    await socket.whenClosed();
});

test('a client that is gone before its answer harms nothing', async () => {
    for (let i = 0; i < 50; i++) {
        const socket = await open(server.api);
        socket.write(get('/api/user/getUser', { Authorization: `Bearer ${ann.jwt}` }).repeat(3));
        await new Promise(setImmediate);
        await socket.destroy();
    }
});

test('a slow head, a slow body and an idle connection are closed by a limit', async () => {
    const slow = async (first, drip) => {
        const socket = await open(server.api);
        socket.write(first);
        const timer = setInterval(() => socket.write(drip), 100);
        await socket.whenClosed(20_000).finally(() => clearInterval(timer));
        assert.ok(!socket.rest.startsWith('HTTP/1.1 2'), socket.rest);
    };
    const body = message('POST', '/api/user/changeUsername', {
        Authorization: `Bearer ${ann.jwt}`, 'Content-Type': 'application/json',
        'Content-Length': 60_000,
    });
    // The same behind a whole request, in one packet with it.
    const slowAfter = async (begun) => {
        const socket = await open(server.api);
        socket.write(get('/livez') + begun);
        assert.equal((await socket.response()).status, 200);
        await socket.whenClosed(20_000);
    };
    const kept = await open(server.api);
    kept.write(get('/livez'));
    await kept.response();
    const silent = await open(server.api);
    await Promise.all([
        slow('GET /livez HTTP/1.1\r\nHost: x\r\n', 'X-Drip: 1\r\n'),
        slow('GET /livez HTTP/1.1\r\nHost: x\r\nX-Drip: ', '1'),
        slow(body, ' '),
        slow(inChunks('').trimEnd() + '\r\n\r\n', '1\r\n \r\n'),
        slow('\r\n', ''),
        slowAfter('GET /livez HTTP/1.1\r\nX-Drip: '),
        slowAfter(body),
        kept.whenClosed(20_000),
        silent.whenClosed(20_000),
    ]);
});

test('a thousand open connections are no hindrance', async () => {
    const sockets = await Promise.all(Array.from({ length: 1000 }, () => open(server.api)));
    sockets.forEach((socket, i) => socket.write(i % 2 ? 'GET /li' : get('/livez')));
    const answers = await Promise.all(sockets.filter((_, i) => i % 2 === 0)
        .map((socket) => socket.response()));
    answers.forEach((res) => assert.equal(res.status, 200));
    expectStatus(await api(ann, 'GET', '/api/user/getUser'), 200);
    await Promise.all(sockets.map((socket) => socket.destroy()));
});
