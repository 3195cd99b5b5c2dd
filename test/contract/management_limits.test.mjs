// What one account, or one address, may ask of the management API, and what it can pile up.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
    api, createApp, createKey, createUser, expectError, expectStatus, manage, PASSWORD, register, signIn, startServer, unique,
} from './harness.mjs';

const started = [];
const start = async (...args) => {
    const server = await startServer({ args });
    started.push(server);
    return server;
};
after(() => Promise.all(started.map((server) => server.stop())));

const path = (app, rest = '') => `/api/client/apps/${app.id}${rest}`;
const newApp = (account) => manage(account, 'POST', '/api/client/apps', { name: unique('app') });
const upgrade = (app) => manage(app.account, 'POST', path(app, '/upgrade'), { tier: 'MULTI_TENANT' });
const rotate = (app, key) => manage(app.account, 'POST', path(app, `/keys/${key.id}/rotate`));

function expectLimited(res) {
    expectError(res, 429, 'RATE_LIMITED');
    assert.match(res.headers.get('retry-after'), /^[1-9]\d*$/);
    assert.equal(res.headers.get('ratelimit-remaining'), '0');
    return Number(res.headers.get('retry-after'));
}

/** Calls one after another until a 429 comes; resolves with how many were not limited. */
async function untilLimited(call, atMost) {
    for (let n = 0; n <= atMost; n++) {
        const res = await call();
        if (res.status === 429) {
            expectLimited(res);
            return n;
        }
    }
    return assert.fail(`${atMost} calls, and no 429`);
}

test('a key rotated many times leaves a short list, of those that were revoked last', async () => {
    const server = await start();
    const app = await createApp(await register(server));
    const list = async () => expectStatus(await manage(app.account, 'GET', path(app, '/keys')), 200).body;
    const kept = await createKey(app);
    let key = await createKey(app);
    const ids = [];
    for (let i = 0; i < 160; i++) {
        ids.push(key.id);
        key = expectStatus(await rotate(app, key), 201).body;
    }
    const keys = await list();
    assert.equal(keys.length, 102);
    assert.deepEqual(keys.filter(({ status }) => status === 'REVOKED').map(({ id }) => id), ids.slice(-100));
    assert.deepEqual(keys.filter(({ status }) => status === 'ACTIVE').map(({ id }) => id), [kept.id, key.id]);
    expectStatus(await manage(app.account, 'DELETE', path(app, `/keys/${key.id}`)), 204);
});

test('an account has at most so many apps, whatever their tier', async () => {
    const server = await start('--account-apps', '7');
    const account = await register(server);
    const apps = [];
    for (let i = 0; i < 7; i++) {
        const app = await createApp(account);
        apps.push(app);
        expectStatus(await upgrade(app), 200);
    }
    assert.match(expectError(await newApp(account), 403, 'APP_LIMIT').message, /at most 7 apps; delete one/);
    const answers = await Promise.all([newApp(account), newApp(account), newApp(account)]);
    answers.forEach((res) => expectError(res, 403, 'APP_LIMIT'));
    expectStatus(await manage(account, 'DELETE', path(apps[3])), 204);
    expectStatus(await newApp(account), 201);
    expectError(await newApp(account), 403, 'APP_LIMIT');
    expectStatus(await newApp(await register(server)), 201);
});

test('apps come in pages when a size is asked for, and as one list when not', async () => {
    const server = await start();
    const account = await register(server);
    const ids = [];
    for (let i = 0; i < 5; i++) {
        ids.push((await createApp(account)).id);
    }
    const all = expectStatus(await manage(account, 'GET', '/api/client/apps'), 200);
    assert.deepEqual(all.body.map(({ id }) => id), ids);
    assert.equal(all.headers.get('link'), null);
    const found = [];
    let at = '/api/client/apps?size=2', pages = 0;
    for (; at; pages++) {
        const res = expectStatus(await manage(account, 'GET', at), 200);
        found.push(...res.body.map(({ id }) => id));
        const next = /^<(.+)>; rel="next"$/.exec(res.headers.get('link') ?? '');
        at = next && `/api/client/apps${next[1]}`;
    }
    assert.equal(pages, 3);
    assert.deepEqual(found, ids);
    for (const query of ['size=0', 'size=x', 'cursor=x']) {
        expectError(await manage(account, 'GET', `/api/client/apps?${query}`), 400);
    }
    const other = await createApp(await register(server));
    expectError(await manage(account, 'GET', `/api/client/apps?cursor=${other.id}`), 400, 'INVALID_FIELD');
});

test('a user has at most so many sign-ins: a further one ends the oldest', async () => {
    const server = await start('--user-logins', '3');
    const app = await createApp(await register(server));
    const refresh = ({ jwt, refreshToken }) => api(server, 'POST', '/api/auth/refresh', { expiredJwt: jwt },
                                                   { authorization: `Bearer ${refreshToken}` });
    const logins = [await createUser(app)];
    for (let i = 1; i < 4; i++) {
        logins.push(await signIn(app, logins[0].username));
    }
    expectError(await refresh(logins[0]), 401, 'AUTH_INVALID_TOKEN');
    expectError(await api(logins[0], 'GET', '/api/auth/getTicket'), 401);
    for (const login of logins.slice(1)) {
        expectStatus(await refresh(login), 200);
    }
});

test('an account that asks too often gets 429 with Retry-After, and no other account does', async () => {
    const server = await start('--account-rate', '1/10');
    const [ann, bob] = [await register(server), await register(server)];
    const ask = (account) => manage(account, 'GET', '/api/client/apps');
    const first = expectStatus(await ask(ann), 200);
    assert.equal(first.headers.get('ratelimit-limit'), '10');
    assert.equal(first.headers.get('ratelimit-remaining'), '9');
    const n = await untilLimited(() => ask(ann), 30);
    assert.ok(n >= 9 && n < 20, `${n}`);
    expectStatus(await ask(bob), 200);
});

test('an address that asks too often gets 429, whatever its tokens; another address does not', async () => {
    const server = await start('--management-rate', '1/20', '--trusted-proxies', '127.0.0.1');
    const ask = (address) => manage(server, 'GET', '/api/client/apps', undefined,
                                    { authorization: 'Bearer junk', 'x-forwarded-for': address });
    const n = await untilLimited(() => ask('192.0.2.1'), 40);
    assert.ok(n >= 20 && n < 35, `${n}`);
    expectError(await ask('192.0.2.2'), 401);
    expectError(await ask('2001:db8:1:1::1'), 401);
    await untilLimited(() => ask('2001:db8:1:1::2'), 40); /* a /64 is one holder's */
    expectLimited(await ask('2001:db8:1:1::3'));
    expectError(await ask('2001:db8:1:2::1'), 401);
    const probe = await fetch(`${server.management}/readyz`, { headers: { 'x-forwarded-for': '192.0.2.1' } });
    assert.equal(probe.status, 200);
});

test('an address makes only so many accounts', async () => {
    const server = await start('--register-rate', '5/1h', '--trusted-proxies', '127.0.0.1');
    const join = (address) => manage(server, 'POST', '/api/auth/register',
                                     { companyName: 'Acme', email: `${unique('dev')}@example.com`, password: PASSWORD },
                                     { 'x-forwarded-for': address });
    const answers = await Promise.all(Array.from({ length: 12 }, () => join('192.0.2.1')));
    assert.equal(answers.filter(({ status }) => status === 201).length, 5);
    answers.filter(({ status }) => status !== 201).forEach((res) => assert.ok(expectLimited(res) > 60));
    expectStatus(await join('192.0.2.2'), 201);
});

test('an account makes only so many keys in a time, by creating or rotating', async () => {
    const server = await start('--new-key-rate', '5/1h');
    const app = await createApp(await register(server));
    let key = expectStatus(await manage(app.account, 'POST', path(app, '/keys')), 201).body;
    const n = await untilLimited(async () => {
        const res = await rotate(app, key);
        key = res.status === 201 ? res.body : key;
        return res;
    }, 20);
    assert.equal(n, 4);
    expectLimited(await manage(app.account, 'POST', path(app, '/keys')));
    expectStatus(await manage(app.account, 'GET', path(app, '/keys')), 200);
    expectStatus(await manage(app.account, 'DELETE', path(app, `/keys/${key.id}`)), 204);
});

test('a refresh over the account\'s rate does not use its token up', async () => {
    const server = await start('--account-rate', '1/5');
    const account = await register(server);
    let { cookie } = account;
    const refresh = async () => {
        const res = await manage(server, 'POST', '/api/auth/refresh', undefined, { cookie });
        if (res.status === 200) {
            cookie = /whisp_refresh=[^;]*/.exec(res.headers.get('set-cookie'))[0];
        }
        return res;
    };
    await untilLimited(refresh, 20);
    await new Promise((done) => setTimeout(done, 1100)); /* what Retry-After said */
    expectStatus(await refresh(), 200);
});
