// Who may have an account, and which tiers it may give its apps: what the operator decides.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
    createApp, expectError, expectStatus, manage, PASSWORD, register, run, startServer, unique,
} from './harness.mjs';

let server;
before(async () => {
    server = await startServer({ args: ['--registration', 'closed'] });
});
after(() => server.stop());

const newEmail = () => `${unique('dev')}@example.com`;

const registerAs = (email, invitation, on = server) => manage(on, 'POST', '/api/auth/register', {
    companyName: 'Acme Corp', email, password: PASSWORD, ...(invitation !== undefined && { invitation }),
});

/** What `whispd invite` prints for the email. */
async function invite(email) {
    const { code, stdout, stderr } = await run(['invite', email, '--data', server.dataDir]);
    assert.equal(code, 0, stderr);
    return stdout.trim();
}

test('a closed registration refuses who has no invitation', async () => {
    const email = newEmail();
    for (const invitation of [undefined, null]) {
        const { message } = expectError(await registerAs(email, invitation), 403, 'REGISTRATION_CLOSED');
        assert.match(message, /invitation.*operator/);
    }
    expectError(await manage(server, 'POST', '/api/auth/login', { email, password: PASSWORD }), 401);
});

test('an invitation lets its email register, once, on a server that is running', async () => {
    const email = newEmail();
    const invitation = await invite(email);
    expectStatus(await registerAs(email.toUpperCase(), invitation), 201);
    expectError(await registerAs(email, invitation), 409, 'EMAIL_TAKEN');
    expectStatus(await manage(server, 'POST', '/api/auth/login', { email, password: PASSWORD }), 200);
});

test('an invitation of another email, changed or made up is refused', async () => {
    const email = newEmail();
    const good = await invite(email);
    const [, expires, signature] = /^([0-9a-f]+)-([\w-]{43})$/.exec(good);
    const longer = (BigInt(`0x${expires}`) + 1n).toString(16);
    for (const bad of [await invite(newEmail()), `${longer}-${signature}`, `${good}A`, '', '-', 'x',
                       `${expires}-`, good.slice(0, -1), 'f'.repeat(5_000)]) {
        const { message } = expectError(await registerAs(email, bad), 403, 'REGISTRATION_CLOSED');
        assert.match(message, /not one for this email, or has expired/);
    }
    expectStatus(await registerAs(email, good), 201);
});

test('an invitation is not looked at while registration is open', async () => {
    const open = await startServer();
    try {
        expectStatus(await registerAs(newEmail(), 'whatever', open), 201);
    } finally {
        await open.stop();
    }
});

test('whispd invite says what is wrong', async () => {
    for (const [args, says] of [[['invite'], /EMAIL/],
                                [['invite', 'nobody', '--data', server.dataDir], /EMAIL/],
                                [['invite', newEmail(), '--data', '/nonexistent'], /--data.*nonexistent/]]) {
        const { code, stdout, stderr } = await run(args);
        assert.notEqual(code, 0, args.join(' '));
        assert.match(stderr, says);
        assert.equal(stdout, '');
    }
});

const upgrade = (app, tier) => manage(app.account, 'POST', `/api/client/apps/${app.id}/upgrade`, { tier });

test('an account cannot make its app DEDICATED unless the operator allows it', async () => {
    const own = await startServer();
    try {
        const app = await createApp(await register(own));
        const { message } = expectError(await upgrade(app, 'DEDICATED'), 403, 'TIER_NOT_ALLOWED');
        assert.match(message, /operator/);
        expectStatus(await upgrade(app, 'MULTI_TENANT'), 200);
    } finally {
        await own.stop();
    }
    const generous = await startServer({ args: ['--account-tiers', 'DEMO,MULTI_TENANT,DEDICATED'] });
    try {
        const app = await createApp(await register(generous));
        assert.equal(expectStatus(await upgrade(app, 'DEDICATED'), 200).body.tier, 'DEDICATED');
    } finally {
        await generous.stop();
    }
});

test('options of registration and tiers are checked', async () => {
    for (const args of [['--registration', 'maybe'], ['--account-tiers', 'GOLD'], ['--cluster-tiers', 'demo'],
                        ['--account-tiers', ''], ['--invitation-ttl', 'soon']]) {
        const { code, stderr } = await run(['check-config', ...args]);
        assert.notEqual(code, 0, args.join(' '));
        assert.ok(stderr.includes(args[0]), stderr);
    }
});
