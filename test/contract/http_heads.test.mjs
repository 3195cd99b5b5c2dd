// What stands in the heads of requests and answers for browsers, proxies and tracing.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTenant, expectError, manage, PASSWORD, register, startServer } from './harness.mjs';
import { exchange, message, open } from './raw_http.mjs';
import { rawSocket } from './realtime.mjs';
import { ask, newSession, openStream, PREFIX } from './sockjs.mjs';

const IMF_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
const UPGRADE = { 'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13',
                  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };

let server, ann;
before(async () => {
    server = await startServer({ args: ['--request-rate', 'off'] });
    ({ users: [ann] } = await createTenant(server, 'ann'));
});
after(() => server?.stop());

/** One request with its header lines as they are given. */
const raw = (base, method, path, lines, options) =>
    exchange(base, `${method} ${path} HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`, options);

test('every answer has a Date: of the moment, errors and upgrades too', async () => {
    const paths = ['/livez', '/nothing', '/api/chat/getChats', '/openapi.json', `${PREFIX}/info`];
    for (const base of [server.api, server.management]) {
        for (const path of paths) {
            const date = (await raw(base, 'GET', path, [])).headers.get('date');
            assert.match(date ?? '', IMF_DATE, path);
            assert.ok(Math.abs(Date.parse(date) - Date.now()) < 5000, `${path}: ${date}`);
        }
        assert.match((await exchange(base, 'nonsense\r\n\r\n')).headers.get('date') ?? '', IMF_DATE);
    }
    const session = await newSession(server, ann);
    const socket = await open(server.api);
    socket.write(message('GET', `${PREFIX}?ticket=${session.ticket}`, UPGRADE));
    await socket.seen('\r\n\r\n');
    assert.match(socket.rest, /^HTTP\/1\.1 101 /);
    assert.match(/^Date: (.*)\r$/m.exec(socket.rest)?.[1] ?? '', IMF_DATE);
    await socket.destroy();
});

test('HEAD never upgrades, and spends no ticket', async () => {
    const { ticket } = await newSession(server, ann);
    for (const path of [PREFIX, `${PREFIX}/websocket`]) {
        const socket = await open(server.api);
        const res = await socket.write(message('HEAD', `${path}?ticket=${ticket}`, UPGRADE)).response({ method: 'HEAD' });
        assert.equal(res.status, 200, path);
        await socket.destroy();
    }
    await (await rawSocket(server, ann, { ticket })).close();
});

test('a target that is too long is a 414, other lines a 431', async () => {
    const long = 'x'.repeat(20_000);
    const target = await raw(server.api, 'GET', `/api/chat/getChats?${long}`, []);
    assert.deepEqual([target.status, target.body.code], [414, 'URI_TOO_LONG']);
    const header = await raw(server.api, 'GET', '/api/chat/getChats', [`X-Long: ${long}`]);
    assert.deepEqual([header.status, header.body.code], [431, 'HEADERS_TOO_LARGE']);
});

test('headers that come in several lines are one list', async () => {
    const { headers } = await raw(server.api, 'GET', '/openapi.json', []);
    const etag = headers.get('etag');
    const lines = ['If-None-Match: "other", "more"', `If-None-Match: W/${etag}`];
    assert.equal((await raw(server.api, 'GET', '/openapi.json', lines, { method: 'HEAD' })).status, 304);
    const page = await raw(server.api, 'GET', `${PREFIX}/iframe.html`, [], { method: 'HEAD' });
    const again = ['If-None-Match: "other"', `If-None-Match: ${page.headers.get('etag')}`];
    assert.equal((await raw(server.api, 'GET', `${PREFIX}/iframe.html`, again, { method: 'HEAD' })).status, 304);
});

test('what streams is not to be held back by proxies', async () => {
    for (const transport of ['xhr_streaming', 'eventsource', 'htmlfile']) {
        const stream = await openStream(server, ann, transport, transport === 'htmlfile' ? { c: 'x' } : {});
        assert.equal(stream.headers['x-accel-buffering'], 'no', transport);
        stream.abort();
    }
    const session = await newSession(server, ann);
    assert.equal((await session.poll()).headers['x-accel-buffering'], undefined);
});

test('a preflight of SockJS from a page without an origin has its "null" again', async () => {
    const headers = { 'Origin': 'null', 'Access-Control-Request-Method': 'POST' };
    for (const path of ['/info', '/a/b/xhr', '/a/b/xhr_send']) {
        const res = await ask(server, 'OPTIONS', PREFIX + path, { headers });
        assert.equal(res.headers['access-control-allow-origin'], 'null', path);
        assert.equal(res.headers['access-control-allow-credentials'], 'true', path);
    }
});

describe('failed sign-ins by address', () => {
    const signIn = (base, from, email) => manage(base, 'POST', '/api/auth/login',
        { email, password: 'not the password' }, { 'X-Forwarded-For': from });

    test('an IPv6 address counts as its /64, of several X-Forwarded-For lines too', async () => {
        const strict = await startServer({ args: ['--signin-failures', '3/15m', '--trusted-proxies', '127.0.0.1'] });
        try {
            for (let i = 0; i < 3; i++) {
                expectError(await signIn(strict, `2001:db8:1:2::${i}`, `nobody${i}@example.com`), 401);
            }
            expectError(await signIn(strict, '2001:db8:1:2:ffff::1', 'somebody@example.com'), 429);
            expectError(await signIn(strict, '2001:db8:1:3::1', 'somebody@example.com'), 401);
            const { email } = await register(strict);
            const body = JSON.stringify({ email, password: PASSWORD });
            const lines = ['X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 2001:db8:1:2:5::9'];
            const res = await exchange(strict.management,
                `POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${lines.join('\r\n')}\r\n` +
                `Content-Length: ${body.length}\r\n\r\n${body}`);
            assert.equal(res.status, 429);
        } finally {
            await strict.stop();
        }
    });
});
