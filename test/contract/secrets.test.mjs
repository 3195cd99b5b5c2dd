// Secrets and personal data: what is kept of them, and what a check that is over is good for.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
    api, cookieOf, createApp, createKey, expectError, expectStatus, manage, PASSWORD, register, run, signIn,
    startServer, unique,
} from './harness.mjs';

let server, app;
before(async () => {
    server = await startServer({ args: ['--signin-failures', 'off', '--hash-cost', '8m/2'] });
    app = await createApp(await register(server));
    app.key = await createKey(app);
});
after(() => server?.stop());

const registerUser = (user, key) => api(app.key, 'POST', '/api/user/registerUser', user, { 'idempotency-key': key });
const newUser = () => ({ username: unique('user'), email: `${unique('user')}@example.com`, password: PASSWORD });

test('no hash of a request\'s body, which may hold a password, is kept without a key', async () => {
    const user = newUser();
    expectStatus(await registerUser(user, unique('key')), 201);
    const plain = createHash('sha256').update(`POST\n/api/user/registerUser\n${JSON.stringify(user)}`).digest();
    const files = readdirSync(server.dataDir).filter((name) => name.startsWith('whisp.db'));
    assert.ok(files.length > 0);
    for (const name of files) {
        assert.equal(readFileSync(join(server.dataDir, name)).indexOf(plain), -1, name);
    }
});

test('a user who is deleted goes from the answers that are kept for retries at once', async () => {
    const user = newUser(), key = unique('key');
    const first = expectStatus(await registerUser(user, key), 201).body;
    assert.deepEqual(expectStatus(await registerUser(user, key), 201).body, first);
    const signedIn = await signIn(app, user.username);
    expectStatus(await api(signedIn, 'DELETE', '/api/user/deleteUser'), 200);
    const second = expectStatus(await registerUser(user, key), 201).body;
    assert.notEqual(second.id, first.id);
});

test('a sign-in whose password was changed while it was being checked does not come to be', async () => {
    const account = await register(server);
    const logIn = () => manage(server, 'POST', '/api/auth/login', { email: account.email, password: PASSWORD });
    const many = () => Array.from({ length: 12 }, logIn);
    const earlier = many();
    const changed = manage(account, 'PUT', '/api/client/profile',
                           { currentPassword: PASSWORD, newPassword: 'another good passphrase' });
    const answers = await Promise.all([...earlier, ...many()]);
    expectStatus(await changed, 200);
    for (const res of answers) {
        if (res.status === 200) { /* it came first, and the change has ended it */
            const refreshed = await manage(server, 'POST', '/api/auth/refresh', undefined,
                                           { cookie: cookieOf(res), origin: server.management });
            expectError(refreshed, 401);
        } else {
            expectError(res, 401, 'AUTH_BAD_CREDENTIALS');
        }
    }
});

test('any page of the web cannot be let in to the management API with its cookie', async () => {
    for (const list of ['*', 'https://dash.example, *']) {
        const { code, stderr } = await run(['serve', '--management-origins', list, '--data', server.dataDir]);
        assert.notEqual(code, 0);
        assert.match(stderr, /--management-origins: name each origin/);
    }
});
