// Request bodies: JSON and what is not, sizes, chunks, bodies where none is listed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
    api, createTenant, expectConventions, expectError, expectStatus, manage, startServer, unique,
} from './harness.mjs';
import { chunked, exchange, message, open } from './raw_http.mjs';

const server = await startServer();
after(() => server.stop());

const LIMIT = 64 * 1024;
let tenant;
let ann;
before(async () => {
    tenant = await createTenant(server, 'ann', 'bob');
    [ann] = tenant.users;
});

const path = '/api/user/changeUsername';
const send = (body, headers) => api(ann, 'POST', path, body, headers);
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
const withText = (text) => bytes('{"newUsername":"', text, '"}');
const raw = (headers, body) => bytes(message('POST', path, {
    Authorization: `Bearer ${ann.jwt}`, 'Content-Type': 'application/json', ...headers,
}), body);

test('unknown fields are ignored, whatever is in them', async () => {
    const newUsername = unique('ann');
    const extra = { a: null, b: [1, [2, { c: 3.5e10 }]], '': '', newusername: 7, 'ключ': '值' };
    expectStatus(await send({ ...extra, newUsername }), 200);
    assert.equal((await api(ann, 'GET', '/api/user/getUser')).body.username, newUsername);
});

test('numbers past what a computer holds are fine in a field that nobody reads, and nowhere else', async () => {
    for (const number of ['9223372036854775808', '-1e4000', '1.5E+999', '1'.repeat(5000)]) {
        expectStatus(await send(`{"a":[${number}],"newUsername":"${unique('ann')}","b":9223372036854775807}`), 200);
        expectError(await send(`{"newUsername":${number}}`), 400, 'INVALID_FIELD');
    }
});

test('a byte order mark before the JSON is passed over', async () => {
    const body = bytes(`\ufeff{"newUsername":"${unique('ann')}"}`);
    assert.equal((await exchange(server.api, raw({ 'Content-Length': body.length }, body))).status, 200);
});

test('each refusal of a body says its own reason', async () => {
    expectError(await send('{"newUsername":"\\ud83d"}'), 400, 'INVALID_JSON');
    assert.match((await send('{"newUsername":"\\ud83d"}')).body.message, /surrogate/);
    const packed = await send(gzipSync('{"newUsername":"x"}'), { 'content-encoding': 'gzip' });
    expectError(packed, 415, 'UNSUPPORTED_MEDIA_TYPE');
    assert.match(packed.body.message, /compressed/);
    assert.equal(packed.headers.get('accept-encoding'), 'identity');
    expectStatus(await send({ newUsername: unique('ann') }, { 'content-encoding': 'identity' }), 200);
});

test('what is not JSON is a 400', async () => {
    for (const body of ['', '{', '}', 'null x', "{'newUsername':'x'}", '{"newUsername":"x",}',
                        '{newUsername:"x"}', '{"newUsername":"x"} {}', '{"newUsername":"x"}x',
                        '{"newUsername":"a\nb"}', '{"newUsername":"\\x41"}', '{"newUsername":"\\u12"}',
                        '{"a":01,"newUsername":"x"}', '{"a":NaN,"newUsername":"x"}',
                        '{"a":+1,"newUsername":"x"}', '{"a":.5,"newUsername":"x"}', '\ufeff']) {
        expectError(await send(body), 400, ['INVALID_JSON', 'BAD_REQUEST', 'INVALID_FIELD']);
    }
});

test('JSON that is no object is a 400', async () => {
    for (const body of ['null', 'true', '7', '"newUsername"', '[]', '[{"newUsername":"x"}]']) {
        expectError(await send(body), 400);
    }
});

test('text that is no proper Unicode is a 400', async () => {
    const bad = {
        'a lone byte 80': [0x80],
        'ISO 8859-1': [0xe9],
        'an overlong slash': [0xc0, 0xaf],
        'an overlong NUL': [0xc0, 0x80],
        'a surrogate in UTF-8': [0xed, 0xa0, 0x80],
        'above U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
        'a cut sequence': [0xe2, 0x82],
        'FF': [0xff],
    };
    for (const [what, list] of Object.entries(bad)) {
        const res = await send(withText(Buffer.from(list)));
        assert.equal(res.status, 400, what);
        expectError(res, 400, 'INVALID_JSON');
    }
    for (const text of ['\\ud800', '\\udc00', '\\ud83d', '\\ude00\\ud83d', '\\ud83dx', 'a\\u0000b',
                        '\\u0000']) {
        expectError(await send(withText(text)), 400);
    }
    expectError(await send(bytes('{"newUsername":"x","other":"', [0xff], '"}')), 400);
    expectError(await send('{"newUsername":"x","other":"a\\u0000"}'), 400);
});

test('escaped and plain spelling are the same text', async () => {
    expectStatus(await send('{"newUsername":"J\\u00f6rg \\ud83e\\udd8a \\/\\"\\\\"}'), 200);
    assert.equal((await api(ann, 'GET', '/api/user/getUser')).body.username, 'Jörg 🦊 /"\\');
});

test('deep nesting and long lists are refused or ignored, quickly', async () => {
    for (const body of ['['.repeat(60_000), '{"a":'.repeat(12_000), `[${'1,'.repeat(30_000)}1]`]) {
        expectError(await send(body), 400);
    }
    const deep = `{"newUsername":7,"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    expectError(await send(deep), 400);
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]));
    expectStatus(await send({ ...many, newUsername: unique('ann') }), 200);
});

test('a field given twice is refused or one of the two is taken', async () => {
    const res = await send('{"newUsername":"first-name","newUsername":"second-name"}');
    assert.ok([200, 400].includes(res.status), res.text);
});

test('a body of another type is a 415', async () => {
    const body = '{"newUsername":"x"}';
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml',
                        'multipart/form-data; boundary=x', 'application/jsonx', 'json']) {
        expectError(await send(body, { 'content-type': type }), 415, 'UNSUPPORTED_MEDIA_TYPE');
    }
    for (const type of ['application/json', 'application/json; charset=utf-8',
                        'APPLICATION/JSON;charset="UTF-8"']) {
        const res = await send({ newUsername: unique('ann') }, { 'content-type': type });
        expectStatus(res, 200);
    }
});

test('a body may have 64 KiB and not a byte more', async () => {
    const padded = (size) => {
        const body = `{"newUsername":"${unique('ann')}"}`;
        return body + ' '.repeat(size - body.length);
    };
    expectStatus(await send(padded(LIMIT)), 200);
    expectError(await send(padded(LIMIT + 1)), 413, 'PAYLOAD_TOO_LARGE');
    const chunks = { 'Transfer-Encoding': 'chunked' };
    assert.equal((await exchange(server.api, raw(chunks, chunked(padded(LIMIT), 5000)))).status, 200);
    const res = await exchange(server.api, raw(chunks, chunked(padded(LIMIT + 1), 5000)));
    assert.equal(res.status, 413);
    assert.equal(res.body.code, 'PAYLOAD_TOO_LARGE');
});

test('a length beyond the limit is refused before the body is sent', async () => {
    const res = await exchange(server.api, raw({ 'Content-Length': 10_000_000_000 }, ''));
    assert.equal(res.status, 413);
    const login = await exchange(server.management, message('POST', '/api/auth/login', {
        'Content-Type': 'application/json', 'Content-Length': LIMIT + 1,
    }));
    assert.equal(login.status, 413);
});

test('chunked bodies are taken everywhere, however they are cut', async () => {
    const body = () => JSON.stringify({ newUsername: unique('änn') });
    const chunks = { 'Transfer-Encoding': 'chunked' };
    for (const size of [1, 2, 7, 1000]) {
        const res = await exchange(server.api, raw(chunks, chunked(body(), size)));
        assert.equal(res.status, 200, res.text);
    }
    const stream = new Blob([body()]).stream();
    expectStatus(await send(stream, { 'content-type': 'application/json' }), 200);

    const extended = `5;name="va"\r\n{"new\r\n${chunked(`Username":"${unique('x')}"}`)}`
        .replace('0\r\n\r\n', '000\r\nX-Trailer: 1\r\n\r\n');
    assert.equal((await exchange(server.api, raw(chunks, extended))).status, 200);

    const socket = await open(server.api);
    for (const byte of raw(chunks, chunked(body()))) {
        socket.write(Buffer.from([byte]));
    }
    assert.equal((await socket.response()).status, 200);
    await socket.destroy();

    const login = JSON.stringify({ email: tenant.account.email, password: tenant.account.password });
    const res = await exchange(server.management, bytes(message('POST', '/api/auth/login', {
        ...chunks, 'Content-Type': 'application/json',
    }), chunked(login)));
    assert.equal(res.status, 200, res.text);
});

test('where no body is listed, body and type are ignored', async () => {
    const token = { Authorization: `Bearer ${ann.jwt}` };
    for (const [method, target] of [['GET', '/api/user/getUser'], ['GET', '/api/auth/getTicket'],
                                    ['POST', '/api/auth/logoutAll'], ['GET', '/api/chat/getChats']]) {
        for (const [type, body] of [['application/json', ''], ['application/json', '{bad'],
                                    ['text/xml', '<x/>'], [undefined, '\u0000'],
                                    ['application/json', undefined]]) {
            const user = method === 'POST' ? { Authorization: `Bearer ${tenant.users[1].jwt}` } : token;
            const request = message(method, target, { ...user, 'Content-Type': type }, body);
            const res = await exchange(server.api, request);
            assert.equal(res.status, 200, `${method} ${target} with ${type} ${body}: ${res.text}`);
        }
    }
    const headers = { ...token, 'Transfer-Encoding': 'chunked' };
    const posted = bytes(message('GET', '/api/user/getUser', headers), chunked('ignored'));
    const socket = await open(server.api);
    socket.write(posted).write(posted);
    assert.equal((await socket.response()).status, 200);
    assert.equal((await socket.response()).status, 200, 'the body was taken off the connection');
    await socket.destroy();
});

test('an endpoint that needs a body says so', async () => {
    const res = await send(undefined, { 'content-type': 'application/json' });
    expectError(res, 400);
    const bare = await exchange(server.api, message('POST', path,
                                                    { Authorization: `Bearer ${ann.jwt}` }));
    assert.ok([400, 415].includes(bare.status), bare.raw);
    expectConventions(await send('{}'));
    expectError(await manage(server, 'POST', '/api/auth/login'), 400);
});
