// API keys: made once, listed without the token, revoked and rotated at once.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
    api, claimsOf, createApp, createKey, eventually, expectConventions, expectError, expectStatus,
    JWT, manage, PASSWORD, register, startServer, tampered, TIME, UNKNOWN_ID, unique, UUID7,
} from './harness.mjs';

const server = await startServer();
after(() => server.stop());

const path = (app, rest = '') => `/api/client/apps/${app.id}/keys${rest}`;
const list = async (app) => expectStatus(await manage(app.account, 'GET', path(app)), 200).body;
const make = (app) => manage(app.account, 'POST', path(app));
const revoke = (app, key) => manage(app.account, 'DELETE', path(app, `/${key.id}`));
const rotate = (app, key) => manage(app.account, 'POST', path(app, `/${key.id}/rotate`));
const newApp = async () => createApp(await register(server));
const use = (key) => api(key, 'POST', '/api/user/registerUser', {
    username: unique('user'), email: `${unique('m')}@example.com`, password: PASSWORD,
});

test('a key is made without a request body and works', async () => {
    const app = await newApp();
    const res = expectStatus(await make(app), 201);
    expectConventions(res);
    const { id, token, keyPrefix, createdAt, ...rest } = res.body;
    assert.deepEqual(rest, { audience: 'demo-cluster', tier: 'DEMO' });
    assert.match(id, UUID7);
    assert.match(token, JWT);
    assert.equal(keyPrefix, token.slice(0, 8));
    assert.match(createdAt, TIME);
    const { header, claims } = claimsOf(token);
    assert.equal(header.alg, 'RS256');
    assert.equal(claims.aud, 'demo-cluster');
    assert.ok(JSON.stringify(claims).includes(app.id), 'the claims name the app');
    assert.ok(JSON.stringify(claims).includes(id), 'the claims name the key');
    expectStatus(await use({ server, token }), 201);
});

test('what comes as a body of POST keys is ignored, and so is its type', async () => {
    const app = await newApp();
    const post = (body, type) => manage(app.account, 'POST', path(app), body,
                                        { 'content-type': type });
    expectStatus(await post(undefined, 'application/json'), 201);
    expectStatus(await post('{not json', 'application/json'), 201);
    expectStatus(await post('a=b', 'application/x-www-form-urlencoded'), 201);
});

test('the list never shows the token', async () => {
    const app = await newApp();
    assert.deepEqual(await list(app), []);
    const key = await createKey(app);
    const res = await manage(app.account, 'GET', path(app));
    expectConventions(res);
    assert.deepEqual(res.body, [{
        id: key.id, keyPrefix: key.keyPrefix, audience: key.audience, tier: 'DEMO',
        status: 'ACTIVE', createdAt: key.createdAt, lastUsedAt: null, revokedAt: null,
    }]);
    assert.ok(!res.text.includes(key.token));
});

test('the list tells when a key was last used', async () => {
    const app = await newApp();
    const key = await createKey(app);
    expectStatus(await use(key), 201);
    const used = await eventually('lastUsedAt is set', async () => (await list(app))[0].lastUsedAt,
                                  15_000);
    assert.match(used, TIME);
});

test('an app has at most 5 active keys', async () => {
    const app = await newApp();
    const keys = [];
    for (let i = 0; i < 5; i++) {
        keys.push(await createKey(app));
    }
    assert.equal(new Set(keys.map((key) => key.token)).size, 5);
    expectError(await make(app), 403, 'API_KEY_LIMIT');
    expectStatus(await revoke(app, keys[2]), 204);
    expectStatus(await make(app), 201);
    expectError(await make(app), 403, 'API_KEY_LIMIT');
    expectStatus(await rotate(app, keys[0]), 201);
    assert.equal((await list(app)).filter((key) => key.status === 'ACTIVE').length, 5);
});

test('requests at the same moment do not get past the limit of 5', async () => {
    const app = await newApp();
    const answers = await Promise.all(Array.from({ length: 12 }, () => make(app)));
    assert.equal(answers.filter((res) => res.status === 201).length, 5);
    assert.equal((await list(app)).length, 5);
});

test('a revoked key stops at once; the others go on', async () => {
    const app = await newApp();
    const [key, other] = [await createKey(app), await createKey(app)];
    expectStatus(await use(key), 201);
    const res = expectStatus(await revoke(app, key), 204);
    expectConventions(res);
    assert.equal(res.text, '');
    expectError(await use(key), 401, 'AUTH_REVOKED_API_KEY');
    expectStatus(await use(other), 201);
    const listed = (await list(app)).find(({ id }) => id === key.id);
    assert.equal(listed.status, 'REVOKED');
    assert.match(listed.revokedAt, TIME);
});

test('rotating gives a new key and ends the old one', async () => {
    const app = await newApp();
    const old = await createKey(app);
    const res = expectStatus(await rotate(app, old), 201);
    expectConventions(res);
    const fresh = { server, ...res.body };
    assert.deepEqual(Object.keys(res.body).sort(),
                     ['audience', 'createdAt', 'id', 'keyPrefix', 'tier', 'token']);
    assert.notEqual(fresh.id, old.id);
    assert.notEqual(fresh.token, old.token);
    expectError(await use(old), 401, 'AUTH_REVOKED_API_KEY');
    expectStatus(await use(fresh), 201);
    const status = Object.fromEntries((await list(app)).map((key) => [key.id, key.status]));
    assert.deepEqual(status, { [old.id]: 'REVOKED', [fresh.id]: 'ACTIVE' });
});

test('a revoked key cannot be rotated back into life', async () => {
    const app = await newApp();
    const key = await createKey(app);
    expectStatus(await revoke(app, key), 204);
    const res = await rotate(app, key);
    assert.ok([404, 409].includes(res.status), `${res.status} ${res.text}`);
    expectError(res, res.status);
    assert.equal((await list(app)).length, 1);
});

test('of two rotations at the same moment one makes a key', async () => {
    const app = await newApp();
    const key = await createKey(app);
    const answers = await Promise.all([rotate(app, key), rotate(app, key), rotate(app, key)]);
    assert.equal(answers.filter((res) => res.status === 201).length, 1);
    assert.equal((await list(app)).filter(({ status }) => status === 'ACTIVE').length, 1);
});

test('unknown keys, another app’s keys and another account’s are 404, malformed ids 400', async () => {
    const app = await newApp();
    const sibling = await createApp(app.account);
    const theirs = await newApp();
    const keys = [await createKey(sibling), await createKey(theirs), { id: UNKNOWN_ID }];
    for (const key of keys) {
        expectError(await revoke(app, key), 404, 'KEY_NOT_FOUND');
        expectError(await rotate(app, key), 404, 'KEY_NOT_FOUND');
    }
    expectError(await revoke(app, { id: 'x' }), 400, 'INVALID_ID');
    expectError(await rotate(app, { id: 'x' }), 400, 'INVALID_ID');
    expectError(await manage(app.account, 'GET', path(theirs)), 404, 'APP_NOT_FOUND');
    for (const key of keys.slice(0, 2)) {
        expectStatus(await use(key), 201);
    }
});

test('key endpoints say what is wrong with the key', async () => {
    const app = await newApp();
    const key = await createKey(app);
    const { message } = expectError(await use(server), 401, 'AUTH_API_KEY_REQUIRED');
    assert.match(message, /^API key is required for this endpoint/);
    expectError(await use({ server, token: 'nonsense' }), 401, 'AUTH_INVALID_API_KEY');
    expectError(await use({ server, token: tampered(key.token) }), 401, 'AUTH_INVALID_API_KEY');
    expectError(await use({ server, token: app.account.accessToken }), 401, 'AUTH_INVALID_API_KEY');
    const asBearer = await api(server, 'POST', '/api/user/signin', { username: 'a', password: 'b' },
                               { authorization: `Bearer ${key.token}` });
    expectError(asBearer, 401, 'AUTH_API_KEY_REQUIRED');
});

test('a key outlives a restart', async () => {
    const app = await newApp();
    const [key, revoked] = [await createKey(app), await createKey(app)];
    expectStatus(await revoke(app, revoked), 204);
    await server.restart();
    expectStatus(await use(key), 201);
    expectError(await use(revoked), 401, 'AUTH_REVOKED_API_KEY');
});
