// What holds for every endpoint: headers, CORS, methods, routes before credentials, request ids,
// credentials in all their spellings, ids and times.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
    api, createChat, createTenant, expectConventions, expectError, expectStatus, getTicket, manage,
    PASSWORD, startServer, TIME, unique, UNKNOWN_ID, UUID, UUID7,
} from './harness.mjs';
import { exchange, get, message } from './raw_http.mjs';

const server = await startServer();
after(() => server.stop());

let tenant;
let ann;
let chat;
before(async () => {
    tenant = await createTenant(server, 'ann', 'bob');
    [ann] = tenant.users;
    chat = await createChat(...tenant.users);
});

const getUser = (headers, who = server) => api(who, 'GET', '/api/user/getUser', undefined, headers);

test('ids are UUIDs in lower case, new ones of version 7; times have milliseconds', async () => {
    const { body: { chats } } = await api(ann, 'GET', '/api/chat/getChats');
    const text = JSON.stringify([tenant.account, tenant.app.id, ann.id, chats]);
    for (const id of [tenant.app.id, tenant.app.key.id, ann.id, chat.chatId]) {
        assert.match(id, UUID7);
    }
    for (const id of text.match(/[0-9a-f]{8}-[0-9a-f-]{27}/gi)) {
        assert.match(id, UUID);
    }
    for (const time of text.match(/\d{4}-\d\d-\d\dT[^"]*/g)) {
        assert.match(time, TIME);
    }
});

test('ids are taken in upper case too, and answered in lower case', async () => {
    const res = await api(ann, 'GET', `/api/chat/getUsers/${chat.chatId.toUpperCase()}`);
    assert.ok([200, 400].includes(res.status), res.text);
    if (res.status === 200) {
        res.body.users.forEach((user) => assert.match(user.userId, UUID));
    }
});

test('errors of every kind carry the headers of every answer', async () => {
    const limits = 'x'.repeat(70 * 1024);
    const answers = [
        [400, await api(ann, 'POST', '/api/chat/createChat', '{')],
        [401, await getUser()],
        [403, await api(ann, 'DELETE', `/api/chat/deleteChat?chatId=${await othersChat()}`)],
        [404, await api(ann, 'GET', '/api/nothing/here')],
        [404, await api(ann, 'GET', `/api/chat/getUsers/${UNKNOWN_ID}`)],
        [405, await api(ann, 'PUT', '/api/user/getUser')],
        [409, await api(ann, 'POST', '/api/user/changeUsername', { newUsername: 'BOB' })],
        [413, await api(ann, 'POST', '/api/chat/createChat', limits)],
        [415, await api(ann, 'POST', '/api/chat/createChat', 'a=b',
                        { 'content-type': 'text/plain' })],
        [404, await manage(server, 'GET', '/api/nothing/here')],
        [401, await manage(server, 'GET', '/api/client/apps')],
        [405, await manage(server, 'PATCH', '/api/client/apps')],
        [413, await manage(server, 'POST', '/api/auth/login', limits)],
    ];
    answers.forEach(([status, res]) => expectError(res, status));
});

async function othersChat() {
    return (await createChat(tenant.users[1], ann)).chatId;
}

test('an unknown path is a 404 before credentials are looked at', async () => {
    for (const path of ['/x', '/api', '/api/', '/api/user', '/api/user/getUser/', '/api//user/getUser',
                        '/api/user/getUserx', '/API/user/getUser', '/api/chat/getUsers',
                        '/api/chat/getUsers/', '/api/chat/getUsers/x/y', '/%00', '/..%2f..%2fetc']) {
        const res = await exchange(server.api, get(path));
        assert.ok([404, 400].includes(res.status), `${path}: ${res.status}`);
        assert.equal(res.status, path.includes('%') ? res.status : 404, path);
        assert.match(res.body.code, /^[A-Z_]+$/);
    }
    expectError(await api(server, 'POST', '/api/client/apps'), 404, 'NOT_FOUND');
    expectError(await manage(server, 'GET', '/api/user/getUser'), 404, 'NOT_FOUND');
});

test('escapes in a path are decoded once', async () => {
    expectStatus(await api(ann, 'GET', '/api/user/get%55ser'), 200);
    expectStatus(await api(ann, 'GET', `/api/chat/getUsers/${chat.chatId.replace('-', '%2D')}`), 200);
    expectError(await api(ann, 'GET', '/api/user/get%2555ser'), 404);
});

test('a known path with another method is a 405 that says which it takes', async () => {
    const cases = [
        ['/api/user/getUser', 'POST', ['GET', 'HEAD']],
        ['/api/user/getUser', 'PATCH', ['GET', 'HEAD']],
        ['/api/user/deleteUser', 'GET', ['DELETE']],
        ['/api/chat/createChat', 'GET', ['POST']],
        [`/api/chat/getUsers/${UNKNOWN_ID}`, 'DELETE', ['GET', 'HEAD']],
    ];
    for (const [path, method, allowed] of cases) {
        const res = await api(server, method, path);
        expectError(res, 405, 'METHOD_NOT_ALLOWED');
        const allow = res.headers.get('allow').split(/\s*,\s*/).filter((m) => m !== 'OPTIONS');
        assert.deepEqual(allow.sort(), allowed.sort(), `${method} ${path}`);
    }
    const res = await manage(server, 'PATCH', `/api/client/apps/${tenant.app.id}`);
    expectError(res, 405, 'METHOD_NOT_ALLOWED');
    const allow = res.headers.get('allow').split(/\s*,\s*/);
    assert.deepEqual(['DELETE', 'GET', 'HEAD', 'PUT'].filter((m) => !allow.includes(m)), []);
});

test('HEAD answers as GET does, without the body', async () => {
    for (const [call, who, path] of [[api, ann, '/api/user/getUser'], [api, ann, '/api/chat/getChats'],
                                     [api, ann, '/api/auth/getTicket'], [api, server, '/livez'],
                                     [manage, tenant.account, '/api/client/apps'],
                                     [manage, tenant.account, '/api/client/profile']]) {
        const [head, full] = [await call(who, 'HEAD', path), await call(who, 'GET', path)];
        assert.equal(head.status, 200, path);
        assert.equal(head.text, '');
        assert.equal(head.headers.get('content-length'), full.headers.get('content-length'), path);
        assert.equal(head.headers.get('content-type'), full.headers.get('content-type'), path);
    }
    const refused = await api(server, 'HEAD', '/api/user/getUser');
    assert.equal(refused.status, 401);
    assert.ok(refused.headers.get('www-authenticate'));
    expectConventions(refused);
});

test('a sane request id comes back, another is replaced', async () => {
    for (const id of ['abc-123', 'req_01HV', unique('id')]) {
        const res = await getUser({ 'x-request-id': id });
        assert.equal(res.headers.get('x-request-id'), id);
    }
    for (const id of ['x'.repeat(500), 'a b', '"quoted"', '{}', 'a\tb', 'é']) {
        const raw = await exchange(server.api, Buffer.from(get('/livez', { 'X-Request-Id': id })));
        const given = raw.headers.get('x-request-id');
        assert.notEqual(given, id);
        assert.match(given, /^[\w.-]{8,64}$/);
    }
    const ids = [await getUser(), await getUser()].map((res) => res.headers.get('x-request-id'));
    assert.notEqual(ids[0], ids[1]);
});

test('a JWT is taken with Bearer, bare, and with Bearer twice', async () => {
    for (const authorization of [`Bearer ${ann.jwt}`, ann.jwt, `Bearer Bearer ${ann.jwt}`,
                                 `bearer ${ann.jwt}`]) {
        expectStatus(await getUser({ authorization }), 200);
    }
    for (const authorization of [`Basic ${ann.jwt}`, 'Bearer', 'Bearer ', `Bearer ${ann.jwt} x`,
                                 `${ann.jwt} Bearer`, `Token ${ann.jwt}`]) {
        const res = await getUser({ authorization });
        expectError(res, 401, ['AUTH_INVALID_TOKEN', 'AUTH_MISSING_TOKEN']);
    }
    expectError(await api(server, 'GET', `/api/user/getUser?authorization=${ann.jwt}`), 401);
});

test('a refresh token is taken with Bearer, bare, and with Bearer twice', async () => {
    for (const authorization of [`Bearer ${ann.refreshToken}`, ann.refreshToken,
                                 `Bearer Bearer ${ann.refreshToken}`]) {
        expectStatus(await api(server, 'POST', '/api/auth/refresh', { expiredJwt: ann.jwt },
                               { authorization }), 200);
    }
});

test('the 401 says what is wrong and where, without the query', async () => {
    const missing = await api(server, 'GET', '/api/chat/getChats?page=0&size=20');
    assert.equal(expectError(missing, 401, 'AUTH_MISSING_TOKEN').instance, '/api/chat/getChats');
    assert.match(missing.headers.get('www-authenticate'), /^Bearer\b/);
    const invalid = await api({ server, jwt: 'a.b.c' }, 'GET', '/api/chat/getChats');
    assert.equal(expectError(invalid, 401, 'AUTH_INVALID_TOKEN').message, 'Invalid or expired JWT.');
});

test('the chat API lets a page of any origin in', async () => {
    const origin = 'https://shop.example';
    for (const res of [await api(ann, 'GET', '/api/user/getUser', undefined, { origin }),
                       await api(server, 'GET', '/api/user/getUser', undefined, { origin }),
                       await api(server, 'GET', '/nowhere', undefined, { origin })]) {
        expectConventions(res);
    }
});

test('a preflight is answered without credentials and cached for a day', async () => {
    for (const path of ['/api/user/getUser', '/api/chat/createChat', '/api/chat/deleteChat',
                        `/api/messages/getMessages/${UNKNOWN_ID}`]) {
        const res = await api(server, 'OPTIONS', path, undefined, {
            origin: 'https://shop.example',
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'authorization, content-type',
        });
        assert.ok([200, 204].includes(res.status), `${path}: ${res.status}`);
        assert.equal(res.text, '');
        assert.ok(res.headers.get('x-request-id'));
        assert.equal(res.headers.get('access-control-allow-origin'), '*');
        assert.equal(res.headers.get('access-control-max-age'), '86400');
        const list = (name) => res.headers.get(name).toLowerCase().split(/\s*,\s*/).sort();
        assert.deepEqual(['get', 'head', 'post', 'put', 'delete']
            .filter((m) => !list('access-control-allow-methods').includes(m)), []);
        assert.deepEqual(list('access-control-allow-headers'),
                         ['authorization', 'baggage', 'content-type', 'idempotency-key', 'sentry-trace',
                          'traceparent', 'tracestate', 'x-api-key', 'x-request-id']);
    }
});

test('the management API lets no page of another origin in', async () => {
    const origin = 'https://evil.example';
    const preflight = await manage(server, 'OPTIONS', '/api/client/apps', undefined, {
        origin, 'access-control-request-method': 'GET',
    });
    assert.equal(preflight.headers.get('access-control-allow-origin'), null);
    const res = await manage(tenant.account, 'GET', '/api/client/apps', undefined, { origin });
    assert.equal(res.headers.get('access-control-allow-origin'), null);
    assert.equal(res.headers.get('access-control-allow-credentials'), null);
});

test('lists of origins hold on both listeners', async () => {
    const listed = await startServer({
        args: ['--origins', 'https://a.example,https://b.example',
               '--management-origins', 'https://dash.example'],
    });
    try {
        const from = (call, path, origin) => call(listed, 'GET', path, undefined, { origin });
        for (const origin of ['https://a.example', 'https://b.example']) {
            const res = await from(api, '/api/user/getUser', origin);
            assert.equal(res.headers.get('access-control-allow-origin'), origin);
            assert.match(res.headers.get('vary') ?? '', /\bOrigin\b/i);
        }
        for (const origin of ['https://c.example', 'https://a.example.evil.example', 'null']) {
            const res = await from(api, '/api/user/getUser', origin);
            assert.equal(res.headers.get('access-control-allow-origin'), null, origin);
        }
        const dash = await from(manage, '/api/client/apps', 'https://dash.example');
        assert.equal(dash.headers.get('access-control-allow-origin'), 'https://dash.example');
        assert.equal(dash.headers.get('access-control-allow-credentials'), 'true');
    } finally {
        await listed.stop();
    }
});

test('the realtime door echoes an allowed origin, with credentials, and refuses another', async () => {
    const origin = 'https://shop.example';
    const greeting = await exchange(server.api, get('/api/wsConnect', { Origin: origin }));
    assert.equal(greeting.status, 200);
    assert.equal(greeting.text, 'Welcome to SockJS!\n');
    assert.equal(greeting.headers.get('access-control-allow-origin'), origin);
    assert.equal(greeting.headers.get('access-control-allow-credentials'), 'true');
    assert.match(greeting.headers.get('vary'), /\bOrigin\b/i);

    const listed = await startServer({ args: ['--origins', 'https://a.example'] });
    try {
        const { users: [user] } = await createTenant(listed, 'ann');
        const upgrade = async (from) => exchange(listed.api, get(
            `/api/wsConnect?ticket=${await getTicket(user)}`, {
                'Origin': from, 'Connection': 'Upgrade', 'Upgrade': 'websocket',
                'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
            }));
        const refused = await upgrade('https://b.example');
        assert.equal(refused.status, 403);
        assert.equal(refused.body.code, 'ORIGIN_NOT_ALLOWED');
        assert.equal((await upgrade('https://a.example')).status, 101);
        assert.equal((await upgrade(undefined)).status, 101, 'a client that is no browser');
    } finally {
        await listed.stop();
    }
});

test('an answer says its length, and not what serves it', async () => {
    const res = await exchange(server.api, get('/livez'));
    assert.equal(res.headers.get('server'), null);
    assert.equal(Number(res.headers.get('content-length')), Buffer.byteLength(res.text));
});

test('no cookie of a page is read by the chat API', async () => {
    const res = await api(server, 'GET', '/api/user/getUser', undefined,
                          { cookie: `jwt=${ann.jwt}; ${tenant.account.cookie}` });
    expectError(res, 401, 'AUTH_MISSING_TOKEN');
    assert.equal(res.headers.get('set-cookie'), null);
});

test('a header that is given twice does not let anyone in', async () => {
    const twice = message('GET', '/api/user/getUser', { Authorization: 'Bearer x' })
        .replace('Bearer x\r\n', `Bearer x\r\nAuthorization: Bearer ${ann.jwt}\r\n`);
    const res = await exchange(server.api, twice);
    assert.ok([400, 401].includes(res.status), `${res.status}`);
    const wrong = await api(server, 'POST', '/api/user/signin', { username: 'ann', password: PASSWORD },
                            { 'x-api-key': `${tenant.app.key.token}, x` });
    expectError(wrong, 401, 'AUTH_INVALID_API_KEY');
});
