// The dashboard account's own profile.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
    cookieOf, expectBadFields, expectConventions, expectError, expectStatus, manage, PASSWORD,
    register, startServer, TIME, unique, UUID7,
} from './harness.mjs';

const server = await startServer({ args: ['--signin-failures', 'off'] });
after(() => server.stop());

const get = async (who) => expectStatus(await manage(who, 'GET', '/api/client/profile'), 200).body;
const put = (who, body) => manage(who, 'PUT', '/api/client/profile', body);
const login = (email, password) => manage(server, 'POST', '/api/auth/login', { email, password });
const refresh = (cookie) => manage(server, 'POST', '/api/auth/refresh', undefined, { cookie });

test('shows who the account is', async () => {
    const account = await register(server);
    const res = expectStatus(await manage(account, 'GET', '/api/client/profile'), 200);
    expectConventions(res);
    const { id, createdAt, updatedAt, ...rest } = res.body;
    assert.deepEqual(rest, {
        companyName: account.companyName, email: account.email, role: 'CLIENT', mfaEnabled: false,
    });
    assert.match(id, UUID7);
    assert.match(createdAt, TIME);
    assert.match(updatedAt, TIME);
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);
});

test('needs an access token', async () => {
    for (const method of ['GET', 'PUT']) {
        const body = method === 'PUT' ? { companyName: 'X' } : undefined;
        expectError(await manage(server, method, '/api/client/profile', body), 401,
                    'AUTH_MISSING_TOKEN');
    }
});

test('the company name changes without a password', async () => {
    const account = await register(server);
    const before = await get(account);
    const res = expectStatus(await put(account, { companyName: 'Ünïted & Söhne 🚀' }), 200);
    assert.equal(res.body.companyName, 'Ünïted & Söhne 🚀');
    assert.equal(res.body.id, before.id);
    assert.equal(res.body.createdAt, before.createdAt);
    assert.ok(res.body.updatedAt >= before.updatedAt);
    assert.deepEqual(await get(account), res.body);
});

test('nothing to change is a 200 or a 400, and nothing is changed', async () => {
    const account = await register(server);
    const before = await get(account);
    assert.ok([200, 400].includes((await put(account, {})).status));
    assert.deepEqual({ ...await get(account), updatedAt: 0 }, { ...before, updatedAt: 0 });
});

test('the email changes with the current password', async () => {
    const account = await register(server);
    const email = `${unique('New')}@example.com`;
    const { message } = expectError(await put(account, { email }), 400);
    assert.match(message, /currentPassword/);
    expectError(await put(account, { email, currentPassword: 'wrong password' }), 401,
                'AUTH_BAD_CREDENTIALS');
    assert.equal((await get(account)).email, account.email);

    const res = expectStatus(await put(account, { email, currentPassword: PASSWORD }), 200);
    assert.equal(res.body.email, email);
    assert.equal((await get(account)).email, email);
    expectStatus(await login(email, PASSWORD), 200);
    expectError(await login(account.email, PASSWORD), 401, 'AUTH_BAD_CREDENTIALS');
});

test('an email of another account is a 409; the own one in other case is not', async () => {
    const [account, other] = [await register(server), await register(server)];
    const change = (email) => put(account, { email, currentPassword: PASSWORD });
    expectError(await change(other.email), 409, 'EMAIL_TAKEN');
    expectError(await change(other.email.toUpperCase()), 409, 'EMAIL_TAKEN');
    assert.equal(expectStatus(await change(account.email.toUpperCase()), 200).body.email,
                 account.email.toUpperCase());
});

test('a new password needs the current one and ends all other sign-ins', async () => {
    const account = await register(server);
    const elsewhere = cookieOf(expectStatus(await login(account.email, PASSWORD), 200));
    const newPassword = 'An0ther!Pass';
    const { message } = expectError(await put(account, { newPassword }), 400);
    assert.match(message, /currentPassword/);
    expectError(await put(account, { newPassword, currentPassword: 'wrong password' }), 401,
                'AUTH_BAD_CREDENTIALS');
    expectStatus(await login(account.email, PASSWORD), 200);

    expectStatus(await put(account, { newPassword, currentPassword: PASSWORD }), 200);
    expectError(await login(account.email, PASSWORD), 401, 'AUTH_BAD_CREDENTIALS');
    expectStatus(await login(account.email, newPassword), 200);
    expectError(await refresh(elsewhere), 401);
    expectStatus(await refresh(account.cookie), 200);
});

test('names the field that is wrong', async () => {
    const account = await register(server);
    await expectBadFields((body) => put(account, body), { currentPassword: PASSWORD }, {
        companyName: [7, '', ['x']],
        email: [7, 'nobody', '', `${'a'.repeat(250)}@b.example`],
        newPassword: [7, 'short', 'x'.repeat(129)],
    });
    expectStatus(await login(account.email, PASSWORD), 200);
});

test('a refused change changes nothing, not even its good part', async () => {
    const account = await register(server);
    const before = await get(account);
    expectError(await put(account, { companyName: 'Changed', email: 'nobody',
                                     currentPassword: PASSWORD }), 400);
    assert.deepEqual(await get(account), before);
});

test('fields that are not the account’s to set are ignored', async () => {
    const account = await register(server);
    const before = await get(account);
    const res = await put(account, { companyName: 'X', role: 'ADMIN', id: 'x', mfaEnabled: true });
    expectStatus(res, 200);
    assert.deepEqual(res.body,
                     { ...before, companyName: 'X', updatedAt: res.body.updatedAt });
});
