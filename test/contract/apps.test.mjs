// Apps: create, list, rename, suspend, upgrade, delete, usage.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
    api, createApp, createChat, createTenant, createUser, expectBadFields, expectConventions,
    expectError, expectStatus, manage, NOT_TEXT, PASSWORD, register, signIn, startServer, TIME,
    unique, UNKNOWN_ID, UUID7,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const server = await startServer();
after(() => server.stop());

const path = (app, rest = '') => `/api/client/apps/${app.id}${rest}`;
const get = (app, rest) => manage(app.account, 'GET', path(app, rest));
const put = (app, body) => manage(app.account, 'PUT', path(app), body);
const upgrade = (app, tier) => manage(app.account, 'POST', path(app, '/upgrade'), { tier });

const APP_FIELDS = ['id', 'clientId', 'name', 'status', 'tier', 'clusterId', 'createdAt',
                    'updatedAt'];
const DETAIL_FIELDS = [...APP_FIELDS, 'type', 'clusterEndpoint', 'clusterName', 'clusterStatus'];

function expectFields(object, fields) {
    assert.deepEqual(fields.filter((name) => object[name] === undefined), [], 'missing fields');
}

test('create answers 201 with the app', async () => {
    const account = await register(server);
    const profile = (await manage(account, 'GET', '/api/client/profile')).body;
    const res = await manage(account, 'POST', '/api/client/apps', { name: 'my-chat-app' });
    expectStatus(res, 201);
    expectConventions(res);
    expectFields(res.body, APP_FIELDS);
    const app = res.body;
    assert.match(app.id, UUID7);
    assert.match(app.clusterId, /^[0-9a-f-]{36}$/);
    assert.equal(app.clientId, profile.id);
    assert.equal(app.name, 'my-chat-app');
    assert.equal(app.status, 'ACTIVE');
    assert.equal(app.tier, 'DEMO');
    assert.match(app.createdAt, TIME);
    assert.match(app.updatedAt, TIME);
});

test('create names the field that is missing or wrong', async () => {
    const account = await register(server);
    await expectBadFields((body) => manage(account, 'POST', '/api/client/apps', body),
                          { name: 'x' }, { name: NOT_TEXT });
});

test('the list has the account’s apps and no others', async () => {
    const account = await register(server);
    const list = () => manage(account, 'GET', '/api/client/apps');
    assert.deepEqual(expectStatus(await list(), 200).body, []);
    const ids = [(await createApp(account)).id, (await createApp(account)).id];
    await createApp(await register(server));
    const res = expectStatus(await list(), 200);
    expectConventions(res);
    assert.deepEqual(res.body.map((app) => app.id).sort(), ids.sort());
    res.body.forEach((app) => expectFields(app, APP_FIELDS));
});

test('the detail tells where the app lives', async () => {
    const app = await createApp(await register(server));
    const res = expectStatus(await get(app), 200);
    expectConventions(res);
    expectFields(res.body, DETAIL_FIELDS);
    for (const name of APP_FIELDS) {
        assert.equal(res.body[name], app[name], name);
    }
    assert.equal(res.body.type, 'DEMO');
    assert.equal(res.body.clusterName, 'demo-cluster');
    assert.equal(res.body.clusterStatus, 'ACTIVE');
    assert.equal(res.body.clusterEndpoint, server.api);
});

test('an account has at most 5 demo apps', async () => {
    const account = await register(server);
    const apps = [];
    for (let i = 0; i < 5; i++) {
        apps.push(await createApp(account));
    }
    const another = () => manage(account, 'POST', '/api/client/apps', { name: 'sixth' });
    expectError(await another(), 403, 'DEMO_APP_LIMIT');
    expectStatus(await manage(account, 'DELETE', path(apps[0])), 204);
    expectStatus(await another(), 201);
    expectError(await another(), 403, 'DEMO_APP_LIMIT');
    expectStatus(await createAppOfAnother(), 201);
});

const createAppOfAnother = async () =>
    manage(await register(server), 'POST', '/api/client/apps', { name: 'theirs' });

test('requests at the same moment do not get past the limit of 5', async () => {
    const account = await register(server);
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) =>
        manage(account, 'POST', '/api/client/apps', { name: `app ${i}` })));
    assert.equal(answers.filter((res) => res.status === 201).length, 5);
    answers.filter((res) => res.status !== 201)
        .forEach((res) => expectError(res, 403, 'DEMO_APP_LIMIT'));
});

test('an app is renamed', async () => {
    const app = await createApp(await register(server));
    const res = expectStatus(await put(app, { name: 'Neuer Name 🎈' }), 200);
    expectFields(res.body, DETAIL_FIELDS);
    assert.equal(res.body.name, 'Neuer Name 🎈');
    assert.equal(res.body.status, 'ACTIVE');
    assert.equal(res.body.createdAt, app.createdAt);
    assert.ok(res.body.updatedAt >= app.updatedAt);
    assert.deepEqual((await get(app)).body, res.body);
});

test('update names the field that is wrong and changes nothing else', async () => {
    const app = await createApp(await register(server));
    await expectBadFields((body) => put(app, body), {}, {
        name: [7, '', ['x']],
        status: [7, '', 'active', 'DELETED'],
    });
    expectError(await put(app, { name: 'changed', status: 'GONE' }), 400);
    assert.equal((await get(app)).body.name, app.name);
});

test('a suspended app answers 403 to keys and users, and works again when active', async () => {
    const { account, app, users: [ann] } = await createTenant(server, 'ann');
    const session = await connect(server, ann);
    assert.equal(expectStatus(await put(app, { status: 'SUSPENDED' }), 200).body.status,
                 'SUSPENDED');
    await session.closed;
    const refresh = (user) => api(user, 'POST', '/api/auth/refresh', { expiredJwt: user.jwt },
                                  { authorization: `Bearer ${user.refreshToken}` });
    const refused = [
        await api(app.key, 'POST', '/api/user/registerUser',
                  { username: 'bob', email: 'bob@example.com', password: PASSWORD }),
        await api(app.key, 'POST', '/api/user/signin', { username: 'ann', password: PASSWORD }),
        await api(ann, 'GET', '/api/user/getUser'),
        await api(ann, 'GET', '/api/chat/getChats'),
        await api(ann, 'GET', '/api/auth/getTicket'),
        await refresh(ann),
        await manage(account, 'POST', path(app, '/keys')),
        await manage(account, 'POST', path(app, `/keys/${app.key.id}/rotate`)),
    ];
    refused.forEach((res) => expectError(res, 403, 'APP_SUSPENDED'));
    assert.equal(expectStatus(await get(app), 200).body.status, 'SUSPENDED');

    expectStatus(await put(app, { status: 'ACTIVE' }), 200);
    expectStatus(await api(ann, 'GET', '/api/user/getUser'), 200);
    expectStatus(await api(ann, 'GET', '/api/auth/getTicket'), 200);
    expectStatus(await refresh(ann), 200);
    await createUser(app, 'bob');
});

test('an upgrade keeps users, chats, keys and tokens', async () => {
    const { app, users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
    const chat = await createChat(ann, bob);
    const res = expectStatus(await upgrade(app, 'MULTI_TENANT'), 200);
    expectFields(res.body, DETAIL_FIELDS);
    assert.equal(res.body.tier, 'MULTI_TENANT');
    assert.equal(res.body.type, 'MULTI_TENANT');
    const { chats } = expectStatus(await api(ann, 'GET', '/api/chat/getChats'), 200).body;
    assert.deepEqual(chats.map((c) => c.chatId), [chat.chatId]);
    await createUser(app, 'carl');
    await signIn(app, 'bob');
    const keys = expectStatus(await get(app, '/keys'), 200).body;
    assert.deepEqual(keys.map((key) => key.tier), ['MULTI_TENANT']);
});

test('an upgraded app does not count as a demo app, and comes down only if it fits', async () => {
    const account = await register(server);
    const first = await createApp(account);
    expectStatus(await upgrade(first, 'MULTI_TENANT'), 200);
    for (let i = 0; i < 5; i++) {
        await createApp(account);
    }
    expectError(await upgrade(first, 'DEMO'), 403, 'DEMO_APP_LIMIT');
    assert.equal((await get(first)).body.tier, 'MULTI_TENANT');
});

test('a tier that no cluster serves is a 409', async () => {
    const small = await startServer({ args: ['--cluster-tiers', 'DEMO,MULTI_TENANT'] });
    try {
        const app = await createApp(await register(small));
        expectError(await upgrade(app, 'DEDICATED'), 409, 'NO_CLUSTER_FOR_TIER');
        assert.equal((await get(app)).body.tier, 'DEMO');
        expectStatus(await upgrade(app, 'MULTI_TENANT'), 200);
        expectStatus(await upgrade(app, 'DEMO'), 200);
    } finally {
        await small.stop();
    }
});

test('upgrade names a tier that is missing or unknown', async () => {
    const app = await createApp(await register(server));
    await expectBadFields((body) => manage(app.account, 'POST', path(app, '/upgrade'), body), {}, {
        tier: [undefined, null, 7, '', 'demo', 'GOLD'],
    });
    assert.equal((await get(app)).body.tier, 'DEMO');
});

test('a deleted app is gone with its keys and users', async () => {
    const { account, app, users: [ann] } = await createTenant(server, 'ann');
    const session = await connect(server, ann);
    const res = expectStatus(await manage(account, 'DELETE', path(app)), 204);
    expectConventions(res);
    assert.equal(res.text, '');
    await session.closed;
    const gone = [
        await get(app),
        await put(app, { name: 'x' }),
        await upgrade(app, 'MULTI_TENANT'),
        await get(app, '/keys'),
        await get(app, '/usage'),
        await manage(account, 'POST', path(app, '/keys')),
        await manage(account, 'DELETE', path(app)),
    ];
    gone.forEach((answer) => expectError(answer, 404));
    assert.deepEqual((await manage(account, 'GET', '/api/client/apps')).body, []);
    expectError(await api(ann, 'GET', '/api/user/getUser'), 401);
    expectError(await api(ann, 'GET', '/api/auth/getTicket'), 401);
    expectError(await api(app.key, 'POST', '/api/user/signin',
                          { username: 'ann', password: PASSWORD }), 401);
});

test('unknown apps and those of other accounts are 404, malformed ids 400', async () => {
    const mine = await register(server);
    const theirs = await createApp(await register(server));
    const calls = [
        ['GET', ''], ['PUT', '', { name: 'x' }], ['DELETE', ''], ['GET', '/keys'],
        ['POST', '/keys'], ['GET', '/usage'], ['POST', '/upgrade', { tier: 'MULTI_TENANT' }],
    ];
    for (const [method, rest, body] of calls) {
        for (const id of [theirs.id, UNKNOWN_ID]) {
            expectError(await manage(mine, method, `/api/client/apps/${id}${rest}`, body), 404,
                        'APP_NOT_FOUND');
        }
        for (const id of ['x', '1', theirs.id.slice(1), `${theirs.id}0`, '%27%20or%201=1']) {
            expectError(await manage(mine, method, `/api/client/apps/${id}${rest}`, body), 400,
                        'INVALID_ID');
        }
    }
    assert.equal((await get(theirs)).body.name, theirs.name);
});

test('usage has a row per day and totals', async () => {
    const { app, users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
    const { chatId } = await createChat(ann, bob);
    const session = await connect(server, ann);
    for (let i = 0; i < 3; i++) {
        await session.send({ type: 'SEND_MSG', chatId, message: `${i}` }, { receipt: true });
    }
    await session.close();
    const today = new Date().toISOString().slice(0, 10);
    const res = expectStatus(await get(app, `/usage?from=${today}&to=${today}`), 200);
    expectConventions(res);
    const { days, totals } = res.body;
    assert.equal(days.length, 1);
    assert.equal(days[0].date, today);
    assert.equal(days[0].messages, 3);
    assert.equal(totals.messages, 3);
    for (const name of ['peakConcurrentUsers', 'activeUsers', 'apiCalls', 'connectionMinutes']) {
        assert.equal(typeof days[0][name], 'number', name);
        assert.equal(typeof totals[name], 'number', name);
    }
    expectStatus(await get(app, '/usage'), 200);
});

test('usage names a date that is none', async () => {
    const app = await createApp(await register(server));
    for (const [name, value] of [['from', 'yesterday'], ['to', '2026-02-30'],
                                 ['from', '2026-13-01']]) {
        const { message } = expectError(await get(app, `/usage?${name}=${value}`), 400);
        assert.match(message, new RegExp(name));
    }
    expectError(await get(app, '/usage?from=2026-02-02&to=2026-02-01'), 400);
});

test('names may be the same in one account', async () => {
    const account = await register(server);
    const name = unique('twice');
    const [one, two] = [await createApp(account, name), await createApp(account, name)];
    assert.notEqual(one.id, two.id);
});
