// Rates of requests, and Idempotency-Key.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
    api, createTenant, eventually, expectConventions, expectError, expectStatus, manage, PASSWORD,
    startServer, unique,
} from './harness.mjs';

const server = await startServer({ args: ['--request-rate', '5/5', '--key-rate', '5/20'] });
after(() => server.stop());

let tenant;
before(async () => {
    tenant = await createTenant(server, 'ann', 'bob', 'carl', 'dora', 'emil');
});

const NUMBER = /^\d+$/;
const limitsOf = (res) => ['limit', 'remaining', 'reset'].map((name) => {
    const value = res.headers.get(`ratelimit-${name}`);
    assert.match(value ?? '', NUMBER, `RateLimit-${name}`);
    return Number(value);
});
const getUser = (user) => api(user, 'GET', '/api/user/getUser');

/** Calls until the limit answers; resolves with all answers. */
async function exhaust(call, atMost) {
    const answers = [];
    do {
        answers.push(...await Promise.all(Array.from({ length: 10 }, call)));
    } while (answers.at(-1).status !== 429 && answers.length < atMost);
    return answers;
}

function expectLimited(res) {
    expectError(res, 429, 'RATE_LIMITED');
    assert.match(res.headers.get('retry-after'), /^[1-9]\d*$/);
    const [, remaining] = limitsOf(res);
    assert.equal(remaining, 0);
}

test('answers tell the limit, what remains of it, and when it is full again', async () => {
    const [first, second] = [await getUser(tenant.users[0]), await getUser(tenant.users[0])];
    const [limit, remaining, reset] = limitsOf(expectStatus(first, 200));
    assert.ok(limit > 0 && remaining < limit && reset >= 0);
    assert.ok(limitsOf(second)[1] <= remaining);
});

test('a user who asks too often gets 429 with Retry-After, and is let in again after it', async () => {
    const [, bob, carl] = tenant.users;
    const answers = await exhaust(() => getUser(bob), 60);
    const limited = answers.filter((res) => res.status !== 200);
    assert.ok(limited.length > 0, 'no limit was reached');
    assert.ok(answers.length - limited.length >= 5, 'fewer than the burst passed');
    limited.forEach(expectLimited);
    expectStatus(await getUser(carl), 200);
    await eventually('bob may ask again', async () => (await getUser(bob)).status === 200);
});

test('renewing a JWT counts as a request of the user, and only with a good refresh token', async () => {
    const { users: [ann] } = await createTenant(server, 'ann');
    const refresh = (token) => api(server, 'POST', '/api/auth/refresh', { expiredJwt: ann.jwt },
                                   { authorization: `Bearer ${token}` });
    for (const res of await exhaust(() => refresh('1-nobodys'), 30)) {
        expectError(res, 401);
    }
    expectStatus(await getUser(ann), 200);
    const answers = await exhaust(() => refresh(ann.refreshToken), 60);
    const limited = answers.filter((res) => res.status !== 200);
    assert.ok(limited.length > 0, 'no limit was reached');
    limited.forEach(expectLimited);
});

test('key endpoints are limited per app', async () => {
    const other = await createTenant(server, 'ann');
    const signin = (app) => api(app.key, 'POST', '/api/user/signin',
                                { username: 'ann', password: PASSWORD });
    const answers = await exhaust(() => signin(tenant.app), 120);
    const limited = answers.filter((res) => res.status !== 200);
    assert.ok(limited.length > 0, 'no limit was reached');
    limited.forEach(expectLimited);
    expectStatus(await signin(other.app), 200);
});

test('rates can be turned off', async () => {
    const free = await startServer({ args: ['--request-rate', 'off'] });
    try {
        const { users: [ann] } = await createTenant(free, 'ann');
        for (let i = 0; i < 30; i++) {
            const answers = await Promise.all(Array.from({ length: 10 }, () => getUser(ann)));
            answers.forEach((res) => expectStatus(res, 200));
        }
    } finally {
        await free.stop();
    }
});

test('more sign-ins than can be worked off are told to come back, and the rest goes on', async () => {
    const busy = await startServer({
        args: ['--hashers', '1', '--hash-cost', '8m/1', '--key-rate', 'off', '--request-rate', 'off'],
    });
    try {
        const { app, users: [ann] } = await createTenant(busy, 'ann');
        const signin = () => api(app.key, 'POST', '/api/user/signin',
                                 { username: 'ann', password: PASSWORD });
        const flood = Promise.all(Array.from({ length: 300 }, signin));
        for (let i = 0; i < 10; i++) {
            expectStatus(await getUser(ann), 200);
        }
        const refused = (await flood).filter((res) => res.status !== 200);
        assert.ok(refused.length > 0, 'all 300 were taken in');
        assert.ok(refused.length < 300, 'none was served');
        for (const res of refused) {
            expectError(res, 503, 'OVERLOADED');
            assert.match(res.headers.get('retry-after'), /^[1-9]\d*$/);
        }
        expectStatus(await signin(), 200);
    } finally {
        await busy.stop();
    }
});

// ---------------------------------------------------------------- Idempotency-Key

const again = await startServer();
after(() => again.stop());
let mine;
before(async () => {
    mine = await createTenant(again, 'ann', 'bob');
});

const createChat = (user, key, chatName = 'Project') => api(
    user, 'POST', '/api/chat/createChat', { chatName, userNames: ['ann', 'bob'] },
    { 'idempotency-key': key });
const chatsOf = async (user) => (await api(user, 'GET', '/api/chat/getChats?size=100')).body.chats;

test('the same key and body give the first answer again, and nothing new', async () => {
    const [ann] = mine.users;
    const key = unique('key');
    const before = (await chatsOf(ann)).length;
    const first = expectStatus(await createChat(ann, key), 201);
    const second = expectStatus(await createChat(ann, key), 201);
    expectConventions(second);
    assert.deepEqual(second.body, first.body);
    assert.equal((await chatsOf(ann)).length, before + 1);
    await again.restart();
    assert.deepEqual(expectStatus(await createChat(ann, key), 201).body, first.body);
});

test('the same key with another body is a 422', async () => {
    const [ann] = mine.users;
    const key = unique('key');
    const before = (await chatsOf(ann)).length;
    expectStatus(await createChat(ann, key), 201);
    expectError(await createChat(ann, key, 'Other'), 422, 'IDEMPOTENCY_MISMATCH');
    assert.equal((await chatsOf(ann)).length, before + 1);
});

test('another key and another caller are other requests', async () => {
    const [ann, bob] = mine.users;
    const key = unique('key');
    const first = expectStatus(await createChat(ann, key), 201).body;
    assert.notEqual(expectStatus(await createChat(ann, unique('key')), 201).body.chatId, first.chatId);
    assert.notEqual(expectStatus(await createChat(bob, key), 201).body.chatId, first.chatId);
    const theirs = await createTenant(again, 'ann', 'bob');
    const foreign = expectStatus(await createChat(theirs.users[0], key), 201).body;
    assert.notEqual(foreign.chatId, first.chatId);
    assert.equal(foreign.creator, theirs.users[0].id);
});

test('of many requests with one key at the same moment one creates', async () => {
    const [ann] = mine.users;
    const key = unique('key');
    const before = (await chatsOf(ann)).length;
    const answers = await Promise.all(Array.from({ length: 8 }, () => createChat(ann, key)));
    const made = answers.filter((res) => res.status === 201);
    assert.ok(made.length >= 1);
    assert.equal(new Set(made.map((res) => res.body.chatId)).size, 1);
    answers.filter((res) => res.status !== 201).forEach((res) => expectError(res, 409));
    assert.equal((await chatsOf(ann)).length, before + 1);
});

test('a refused request does not use up its key', async () => {
    const [ann] = mine.users;
    const key = unique('key');
    const post = (userNames) => api(ann, 'POST', '/api/chat/createChat', { chatName: 'x', userNames },
                                    { 'idempotency-key': key });
    const late = unique('late');
    expectError(await post(['ann', late]), 404, 'USER_NOT_FOUND');
    expectStatus(await api(mine.app.key, 'POST', '/api/user/registerUser', {
        username: late, email: `${late}@example.com`, password: PASSWORD,
    }), 201);
    expectStatus(await post(['ann', late]), 201);
});

test('an Idempotency-Key that is too long is refused', async () => {
    const [ann] = mine.users;
    expectError(await createChat(ann, 'x'.repeat(256)), 400);
    expectStatus(await createChat(ann, 'x'.repeat(255)), 201);
});

test('registering users and making apps can be repeated too', async () => {
    const headers = { 'idempotency-key': unique('key') };
    const user = { username: unique('x'), email: `${unique('x')}@example.com`, password: PASSWORD };
    const register = (body) => api(mine.app.key, 'POST', '/api/user/registerUser', body, headers);
    const first = expectStatus(await register(user), 201);
    assert.deepEqual(expectStatus(await register(user), 201).body, first.body);
    expectError(await register({ ...user, username: unique('y') }), 422, 'IDEMPOTENCY_MISMATCH');

    const make = (name) => manage(mine.account, 'POST', '/api/client/apps', { name }, headers);
    const app = expectStatus(await make('one'), 201);
    assert.deepEqual(expectStatus(await make('one'), 201).body, app.body);
    expectError(await make('two'), 422, 'IDEMPOTENCY_MISMATCH');
    assert.equal((await manage(mine.account, 'GET', '/api/client/apps')).body.length, 2);
});
