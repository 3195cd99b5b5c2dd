// What an operator reads in the log of requests and of realtime sessions: from where, who, and why
// it was refused or ended.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import {
    api, createChat, createKey, createTenant, getTicket, manage, PASSWORD, register, startServer, unique,
} from './harness.mjs';
import { connect, rawSocket, SUBPROTOCOLS, wsUrl } from './realtime.mjs';
import { openStream } from './sockjs.mjs';

let server;
let tenant;
let ann;
let bob;
before(async () => {
    server = await startServer({ args: ['--trusted-proxies', '127.0.0.1', '--connect-timeout', '1s'] });
    tenant = await createTenant(server, 'ann', 'bob');
    tenant.key = await createKey(tenant.app);
    [ann, bob] = tenant.users;
});
after(() => server.stop());

/** The line of the request with this X-Request-Id. */
const line = (id) => server.logged(({ event, id: its }) => event === 'request' && its === id);

/** Makes the request and resolves with its line. */
async function lineOf(call, who, method, path, body, headers = {}) {
    const id = unique('request');
    await call(who, method, path, body, { 'x-request-id': id, ...headers });
    return line(id);
}

/** The line of the end of the session that `begin` opens, from its answer on. */
async function endOf(user, begin) {
    const from = server.logLines().length;
    await begin();
    return server.logged(({ event, user: whose }) => event === 'session ended' && whose === user.id,
                         'the line of the end', from);
}

/** A WebSocket that is being opened, on which nothing is sent. */
async function socket(user) {
    return new WebSocket(wsUrl(server, await getTicket(user)), SUBPROTOCOLS).on('error', () => {});
}

test('a request line says the client, the app and the user', async () => {
    const got = await lineOf(api, ann, 'GET', '/api/user/getUser', undefined,
                             { 'x-forwarded-for': '192.0.2.7' });
    assert.equal(got.client, '192.0.2.7');
    assert.equal(got.app, tenant.app.id);
    assert.equal(got.user, ann.id);
    assert.equal(got.code, undefined);
    const direct = await lineOf(api, ann, 'GET', '/api/user/getUser');
    assert.equal(direct.client, '127.0.0.1');
});

test('a request line says the code of a refusal', async () => {
    const unknown = await lineOf(api, ann, 'GET', '/nowhere');
    assert.equal(unknown.code, 'NOT_FOUND');
    const bad = await lineOf(api, { server, jwt: 'a.b.c' }, 'GET', '/api/user/getUser');
    assert.equal(bad.code, 'AUTH_INVALID_TOKEN');
    assert.equal(bad.app ?? bad.user, undefined, 'what a forged token says is no one\'s name');
    const limits = await lineOf(api, ann, 'POST', '/api/chat/createChat', {});
    assert.equal(limits.status, 400);
    assert.equal(limits.code, 'INVALID_FIELD');
});

test('the line of a sign-in says whose it was, also when the password was wrong', async () => {
    const path = '/api/user/signin';
    const good = await lineOf(api, tenant.key, 'POST', path, { username: ann.username, password: PASSWORD });
    assert.deepEqual([good.status, good.app, good.user], [200, tenant.app.id, ann.id]);
    const wrong = await lineOf(api, tenant.key, 'POST', path, { username: ann.username, password: 'no' });
    assert.deepEqual([wrong.code, wrong.app, wrong.user],
                     ['AUTH_BAD_CREDENTIALS', tenant.app.id, ann.id]);
    const nobody = await lineOf(api, tenant.key, 'POST', path, { username: unique(), password: 'no' });
    assert.deepEqual([nobody.app, nobody.user], [tenant.app.id, undefined]);
});

test('a request line of the management API says the account', async () => {
    const account = await register(server);
    const { body: { id } } = await manage(account, 'GET', '/api/client/profile');
    const profile = await lineOf(manage, account, 'GET', '/api/client/profile');
    assert.equal(profile.account, id);
    const login = await lineOf(manage, server, 'POST', '/api/auth/login',
                               { email: account.email, password: 'wrong' });
    assert.deepEqual([login.account, login.code], [id, 'AUTH_BAD_CREDENTIALS']);
});

test('the line of an upgrade says the app and the user, or why there was none', async () => {
    const session = await connect(server, ann);
    const opened = await server.logged(({ status, user }) => status === 101 && user === ann.id);
    assert.equal(opened.app, tenant.app.id);
    await session.close();
    const id = unique('upgrade');
    const refused = new WebSocket(wsUrl(server, 'nothing'), SUBPROTOCOLS, { headers: { 'x-request-id': id } });
    await new Promise((done) => refused.on('error', done));
    assert.equal((await line(id)).code, 'AUTH_INVALID_TICKET');
});

test('the lines of SockJS requests say the app and the user', async () => {
    const stream = await openStream(server, bob);
    await stream.connect();
    stream.abort();
    for (const transport of ['xhr_streaming', 'xhr_send']) {
        const got = await server.logged(({ path }) => path?.endsWith(`${stream.id}/${transport}`));
        assert.deepEqual([got.app, got.user], [tenant.app.id, bob.id], transport);
    }
});

test('the end of a session is a line: who, code, reason, how long, bytes in and out', async () => {
    const chat = await createChat(ann, bob);
    const got = await endOf(ann, async () => {
        const session = await connect(server, ann);
        const message = randomBytes(3_750).toString('base64'); // which compression leaves large
        await session.send({ type: 'SEND_MSG', chatId: chat.chatId, message });
        await session.next({ type: 'SEND_MSG' });
        await session.close();
    });
    assert.equal(got.app, tenant.app.id);
    assert.equal(got.code, 1000);
    assert.equal(got.reason, 'disconnected by the client');
    assert.ok(got.seconds >= 0 && got.seconds < 60, `${got.seconds}`);
    assert.ok(got.in > 3_750 && got.in < 20_000, `in=${got.in}`);
    assert.ok(got.out > 3_750 && got.out < 50_000, `out=${got.out}`);
});

test('the end of a session says whether the client closed it, was lost, or was refused', async () => {
    const closed = await endOf(ann, async () => {
        const ws = await socket(ann);
        ws.on('open', () => ws.close(1001));
    });
    assert.deepEqual([closed.code, closed.reason], [1001, 'closed by the client']);
    const lost = await endOf(ann, async () => (await rawSocket(server, ann)).close());
    assert.deepEqual([lost.code, lost.reason], [1006, 'connection lost']);
    const silent = await endOf(ann, () => socket(ann));
    assert.deepEqual([silent.code, silent.reason], [1008, 'No CONNECT frame came in time.']);
});

test('the end of a SockJS session without a WebSocket is a line too', async () => {
    const got = await endOf(bob, async () => {
        const stream = await openStream(server, bob);
        await stream.connect();
        stream.abort();
    });
    assert.deepEqual([got.code, got.reason], [1006, 'connection lost']);
    assert.ok(got.in > 20 && got.out > 20, `in=${got.in} out=${got.out}`);
});

test('no line says a ticket, a token, a key or a password', async () => {
    const session = await connect(server, ann);
    await session.close();
    const log = server.log();
    for (const secret of [ann.jwt, tenant.key.token, PASSWORD, 'ticket=']) {
        assert.ok(!log.includes(secret), `the log has ${secret}`);
    }
});
