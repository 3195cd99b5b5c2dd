// A user's sign-ins: refresh, logout, logoutAll, tickets, expiry, forged tokens.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
    api, claimsOf, createApp, createTenant, createUser, eventually, expectBadFields,
    expectConventions, expectError, expectStatus, getTicket, JWT, register, signIn, startServer,
    tampered,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const server = await startServer();
after(() => server.stop());

let app;
before(async () => {
    app = await createApp(await register(server));
});

const refresh = (refreshToken, expiredJwt, on = server) => api(
    on, 'POST', '/api/auth/refresh', { expiredJwt }, { authorization: `Bearer ${refreshToken}` });
const logout = (user, refreshToken = user.refreshToken) =>
    api(user, 'POST', '/api/auth/logout', { refreshToken });
const logoutAll = (user) => api(user, 'POST', '/api/auth/logoutAll');
const ticket = (user, path = '/api/auth/getTicket') => api(user, 'GET', path);
const getUser = (user) => api(user, 'GET', '/api/user/getUser');
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('refresh answers with the JWT in the header, with Bearer', async () => {
    const user = await createUser(app);
    const res = expectStatus(await refresh(user.refreshToken, user.jwt), 200);
    expectConventions(res);
    const [word, jwt, ...others] = res.headers.get('authorization').split(' ');
    assert.equal(word, 'Bearer');
    assert.match(jwt, JWT);
    assert.deepEqual(others, []);
    assert.equal(expectStatus(await getUser({ server, jwt }), 200).body.id, user.id);
    assert.equal(claimsOf(jwt).claims.sid, claimsOf(user.jwt).claims.sid);
});

test('the refresh token stays good, with the old JWT and the new', async () => {
    const user = await createUser(app);
    const first = expectStatus(await refresh(user.refreshToken, user.jwt), 200);
    const jwt = first.headers.get('authorization').replace('Bearer ', '');
    expectStatus(await refresh(user.refreshToken, jwt), 200);
    expectStatus(await refresh(user.refreshToken, user.jwt), 200);
    expectStatus(await refresh(user.refreshToken, `Bearer ${user.jwt}`), 200);
});

test('refresh needs a refresh token and a JWT that belong together', async () => {
    const user = await createUser(app);
    const again = await signIn(app, user.username);
    const other = await createUser(app);
    const none = await api(server, 'POST', '/api/auth/refresh', { expiredJwt: user.jwt });
    expectError(none, 401, 'AUTH_MISSING_TOKEN');
    const refused = [
        [user.refreshToken, other.jwt],
        [other.refreshToken, user.jwt],
        [again.refreshToken, user.jwt],
        [user.refreshToken, again.jwt],
        [user.refreshToken, tampered(user.jwt)],
        [user.refreshToken, 'nonsense'],
        [user.refreshToken, app.account.accessToken],
        [user.refreshToken, app.key.token],
        [user.jwt, user.jwt],
        ['A'.repeat(user.refreshToken.length), user.jwt],
    ];
    for (const [refreshToken, jwt] of refused) {
        const res = await refresh(refreshToken, jwt);
        expectError(res, 401, 'AUTH_INVALID_TOKEN');
        assert.equal(res.headers.get('authorization'), null);
    }
    expectStatus(await refresh(user.refreshToken, user.jwt), 200);
});

test('refresh names the expiredJwt that is missing or of the wrong type', async () => {
    const user = await createUser(app);
    await expectBadFields((body) => api(server, 'POST', '/api/auth/refresh', body,
                                        { authorization: `Bearer ${user.refreshToken}` }), {},
                          { expiredJwt: [undefined, null, 7, ['x']] });
});

test('an expired JWT is told from an invalid one, and can be refreshed', async () => {
    const brief = await startServer({ args: ['--user-token-ttl', '3s'] });
    try {
        const { users: [user] } = await createTenant(brief, 'ann');
        const res = await eventually('the JWT is expired', async () => {
            const answer = await getUser(user);
            return answer.status === 401 && answer;
        });
        expectError(res, 401, 'AUTH_EXPIRED_TOKEN');
        expectError(await getUser({ server: brief, jwt: tampered(user.jwt) }), 401,
                    'AUTH_INVALID_TOKEN');
        const fresh = expectStatus(await refresh(user.refreshToken, user.jwt, brief), 200);
        const jwt = fresh.headers.get('authorization').replace('Bearer ', '');
        expectStatus(await getUser({ server: brief, jwt }), 200);
    } finally {
        await brief.stop();
    }
});

test('logout ends that session: no refresh, no tickets, realtime closed', async () => {
    const user = await createUser(app);
    const other = await signIn(app, user.username);
    const live = await connect(server, user);
    const unspent = await getTicket(user);
    const res = expectStatus(await logout(user), 200);
    expectConventions(res);
    assert.equal((await live.whenClosed()).code, 1008);
    expectError(await refresh(user.refreshToken, user.jwt), 401, 'AUTH_INVALID_TOKEN');
    expectError(await ticket(user), 401);
    expectError(await ticket(user, '/api/user/getTicket'), 401);
    await assert.rejects(connect(server, user, { ticket: unspent }));
    expectStatus(await getUser(user), 200);
    expectStatus(await getUser(other), 200);
    expectStatus(await refresh(other.refreshToken, other.jwt), 200);
    const stillThere = await connect(server, other);
    await stillThere.close();
});

test('a user may end another of the own sessions', async () => {
    const user = await createUser(app);
    const other = await signIn(app, user.username);
    const live = await connect(server, user);
    expectStatus(await logout(user, other.refreshToken), 200);
    expectError(await refresh(other.refreshToken, other.jwt), 401);
    expectError(await ticket(other), 401);
    expectStatus(await ticket(user), 200);
    await live.close();
});

test('logout with an unknown, old or somebody else’s token is a 200 and ends nothing', async () => {
    const [user, other] = [await createUser(app), await createUser(app)];
    expectStatus(await logout(user, 'nonsense'), 200);
    expectStatus(await logout(user, other.refreshToken), 200);
    expectStatus(await refresh(other.refreshToken, other.jwt), 200);
    expectStatus(await refresh(user.refreshToken, user.jwt), 200);
    expectStatus(await logout(user), 200);
    expectStatus(await logout(user), 200);
});

test('logout names the refreshToken that is missing, and needs a JWT', async () => {
    const user = await createUser(app);
    await expectBadFields((body) => api(user, 'POST', '/api/auth/logout', body), {},
                          { refreshToken: [undefined, null, 7] });
    expectError(await logout(server, user.refreshToken), 401, 'AUTH_MISSING_TOKEN');
    expectStatus(await refresh(user.refreshToken, user.jwt), 200);
});

test('logoutAll ends all sessions of the user and nobody else’s', async () => {
    const user = await createUser(app);
    const again = await signIn(app, user.username);
    const bystander = await createUser(app);
    const live = [await connect(server, user), await connect(server, again)];
    const res = expectStatus(await logoutAll(user), 200);
    expectConventions(res);
    for (const session of live) {
        assert.equal((await session.whenClosed()).code, 1008);
    }
    for (const { refreshToken, jwt } of [user, again]) {
        expectError(await refresh(refreshToken, jwt), 401);
        expectError(await ticket({ server, jwt }), 401);
    }
    expectStatus(await getUser(user), 200);
    expectStatus(await refresh(bystander.refreshToken, bystander.jwt), 200);
    const fresh = await signIn(app, user.username);
    expectStatus(await ticket(fresh), 200);
});

test('both ticket paths give a new random ticket each time', async () => {
    const user = await createUser(app);
    const tickets = [];
    for (const path of ['/api/auth/getTicket', '/api/user/getTicket', '/api/auth/getTicket']) {
        const res = expectStatus(await ticket(user, path), 200);
        expectConventions(res);
        assert.deepEqual(Object.keys(res.body), ['ticket']);
        assert.match(res.body.ticket, /^[\w-]{20,}$/);
        tickets.push(res.body.ticket);
    }
    assert.equal(new Set(tickets).size, 3);
    const session = await connect(server, user, { ticket: tickets[1] });
    await session.close();
});

test('the plan limits distinct connected users; further devices of one always pass', async () => {
    const small = await startServer({ args: ['--demo-users', '1'] });
    try {
        const { app: mine, users: [ann, bob] } = await createTenant(small, 'ann', 'bob');
        const { users: [carl] } = await createTenant(small, 'carl');
        const early = await getTicket(bob);
        const first = await connect(small, ann);
        expectError(await ticket(bob), 429, 'CONCURRENT_USER_LIMIT');
        await assert.rejects(connect(small, bob, { ticket: early }), 'checked again at CONNECT');
        const second = await connect(small, await signIn(mine, 'ann'));
        const theirs = await connect(small, carl);
        await first.close();
        expectError(await ticket(bob), 429, 'CONCURRENT_USER_LIMIT');
        await second.close();
        await eventually('there is room for bob', async () => (await ticket(bob)).status === 200);
        const third = await connect(small, bob);
        await Promise.all([third.close(), theirs.close()]);
    } finally {
        await small.stop();
    }
});

test('tokens that were forged or cut are refused', async () => {
    const user = await createUser(app);
    const [header, claims, signature] = user.jwt.split('.');
    const plain = claimsOf(user.jwt);
    const other = await createUser(app);
    const foreign = JSON.stringify(plain.claims).replaceAll(user.id, other.id);
    const body = Buffer.from(foreign).toString('base64url');
    const signed = (key) => createHmac('sha256', key).update(`${header}.${body}`).digest('base64url');
    const forged = [
        tampered(user.jwt), `${header}.${claims}.`, `${header}.${claims}`, `${user.jwt}x`,
        `${user.jwt}.x`, `${header}.${body}.${signature}`, `${header}.${body}.${signed('')}`,
        `${header}.${body}.${signed('secret')}`, `${encode({ alg: 'none', typ: 'JWT' })}.${body}.`,
        `${encode({ ...plain.header, alg: 'none' })}.${claims}.${signature}`,
        `${encode({ ...plain.header, kid: '../../dev/null' })}.${claims}.${signature}`,
        `${header}.${claims}.${signature.slice(0, -4)}`, '...', 'x'.repeat(6000),
    ];
    for (const jwt of forged) {
        const res = await getUser({ server, jwt });
        expectError(res, 401, 'AUTH_INVALID_TOKEN');
        assert.ok(!res.text.includes(jwt));
    }
    expectStatus(await getUser(user), 200);
});

test('sessions, and their ends, outlive a restart', async () => {
    const user = await createUser(app);
    const ended = await signIn(app, user.username);
    expectStatus(await logout(ended), 200);
    await server.restart();
    expectStatus(await getUser(user), 200);
    expectStatus(await refresh(user.refreshToken, user.jwt), 200);
    expectStatus(await ticket(user), 200);
    expectError(await refresh(ended.refreshToken, ended.jwt), 401);
    expectError(await ticket(ended), 401);
});
