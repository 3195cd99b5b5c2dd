// Dashboard accounts: register, login, refresh, logout, and what an access token is.

import assert from 'node:assert/strict';
import { createHmac, createPublicKey, verify } from 'node:crypto';
import { after, test } from 'node:test';
import {
    claimsOf, cookieOf, createTenant, eventually, expectBadFields, expectConventions, expectError,
    expectStatus, JWT, manage, NOT_TEXT, PASSWORD, register, startServer, tampered, unique,
} from './harness.mjs';

const server = await startServer({ args: ['--signin-failures', 'off'] });
after(() => server.stop());

const post = (path, body, headers) => manage(server, 'POST', path, body, headers);
const login = (email, password = PASSWORD) => post('/api/auth/login', { email, password });
const refresh = (cookie, headers) => post('/api/auth/refresh', undefined, { cookie, ...headers });

/** A login of its own for the account: {accessToken, cookie}. */
async function family(account) {
    const res = expectStatus(await login(account.email), 200);
    return { ...account, accessToken: res.body.accessToken, cookie: cookieOf(res) };
}

function expectCookie(res) {
    const cookie = res.headers.get('set-cookie'); // several would be joined by ", NAME="
    assert.match(cookie, /^[\w-]+=[\w.~-]{20,}/);
    assert.doesNotMatch(cookie, /, [\w-]+=/);
    assert.match(cookie, /;\s*HttpOnly/i);
    assert.match(cookie, /;\s*SameSite=Strict/i);
    assert.doesNotMatch(cookie, /;\s*Secure/i, 'plain HTTP would never send it back');
    return cookie.split(';')[0];
}

test('register answers 201 with an access token, and the refresh token as a cookie', async () => {
    const email = `${unique('Dev')}@Example.com`;
    const res = await post('/api/auth/register',
                           { companyName: 'Acme Corp', email, password: PASSWORD });
    expectStatus(res, 201);
    expectConventions(res);
    const { accessToken, ...rest } = res.body;
    assert.deepEqual(rest, { email, role: 'CLIENT', expiresIn: 900 });
    assert.match(accessToken, JWT);
    const { header, claims } = claimsOf(accessToken);
    assert.equal(header.alg, 'RS256');
    assert.equal(claims.aud, 'management');
    assert.equal(claims.exp - claims.iat, 900);
    const cookie = expectCookie(res);
    assert.ok(!res.text.includes(cookie.split('=')[1]), 'the refresh token is in the body too');
});

test('register refuses an email that is known, in whatever case', async () => {
    const account = await register(server);
    for (const email of [account.email, account.email.toUpperCase()]) {
        const res = await post('/api/auth/register',
                               { companyName: 'Other', email, password: PASSWORD });
        expectError(res, 409, 'EMAIL_TAKEN');
        assert.equal(res.headers.get('set-cookie'), null);
    }
});

test('register always makes a CLIENT', async () => {
    const res = await post('/api/auth/register', {
        companyName: 'Acme', email: `${unique('x')}@example.com`, password: PASSWORD, role: 'ADMIN',
    });
    assert.equal(expectStatus(res, 201).body.role, 'CLIENT');
});

test('register names the field that is missing or wrong', async () => {
    const valid = {
        companyName: 'Acme', email: `${unique('x')}@example.com`, password: PASSWORD,
    };
    await expectBadFields((body) => post('/api/auth/register', body), valid, {
        companyName: NOT_TEXT,
        email: [...NOT_TEXT, 'nobody', '@example.com', 'a@', 'a b@example.com', 'a@b@c.example',
                `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.com`],
        password: [...NOT_TEXT, '1234567', 'x'.repeat(129)],
    });
});

test('a password may have 8 and 128 characters', async () => {
    for (const password of ['12345678', 'ü'.repeat(8), 'x'.repeat(128)]) {
        const email = `${unique('x')}@example.com`;
        expectStatus(await post('/api/auth/register', { companyName: 'A', email, password }), 201);
        expectStatus(await login(email, password), 200);
    }
});

test('login answers 200 with an access token that works, and a cookie', async () => {
    const account = await register(server);
    const res = expectStatus(await login(account.email.toUpperCase()), 200);
    expectConventions(res);
    const { accessToken, ...rest } = res.body;
    assert.deepEqual(rest,
                     { mfaRequired: false, email: account.email, role: 'CLIENT', expiresIn: 900 });
    expectCookie(res);
    expectStatus(await manage({ server, accessToken }, 'GET', '/api/client/profile'), 200);
});

test('login says the same for a wrong password and an unknown email', async () => {
    const account = await register(server);
    const wrong = await login(account.email, 'not the password');
    const unknown = await login(`${unique('nobody')}@example.com`, 'not the password');
    expectError(wrong, 401, 'AUTH_BAD_CREDENTIALS');
    expectError(unknown, 401, 'AUTH_BAD_CREDENTIALS');
    assert.deepEqual(wrong.body, unknown.body);
    assert.equal(wrong.headers.get('set-cookie'), null);
});

test('login names the field that is missing or wrong', async () => {
    await expectBadFields((body) => post('/api/auth/login', body),
                          { email: 'a@example.com', password: PASSWORD },
                          { email: [undefined, null, 7], password: [undefined, null, 7] });
});

test('refresh gives a new access token and a new cookie', async () => {
    const account = await register(server);
    const res = expectStatus(await refresh(account.cookie), 200);
    expectConventions(res);
    const { accessToken, ...rest } = res.body;
    assert.deepEqual(rest, { email: account.email, role: 'CLIENT', expiresIn: 900 });
    const cookie = expectCookie(res);
    assert.notEqual(cookie, account.cookie);
    expectStatus(await manage({ server, accessToken }, 'GET', '/api/client/profile'), 200);
    expectStatus(await refresh(cookie), 200);
});

test('a refresh token that is used again ends its whole family, and only that', async () => {
    const account = await register(server);
    const other = await family(account);
    const later = cookieOf(expectStatus(await refresh(account.cookie), 200));
    const next = cookieOf(expectStatus(await refresh(later), 200));
    expectError(await refresh(account.cookie), 401);
    expectError(await refresh(next), 401);
    expectStatus(await refresh(other.cookie), 200);
});

test('two tabs that renew one cookie at once get the same new one and stay signed in', async () => {
    const account = await register(server);
    const [one, two] = await Promise.all([refresh(account.cookie), refresh(account.cookie)]);
    const cookie = cookieOf(expectStatus(one, 200));
    assert.equal(cookieOf(expectStatus(two, 200)), cookie);
    assert.notEqual(cookie, account.cookie);
    for (const { body: { accessToken } } of [one, two]) {
        expectStatus(await manage({ server, accessToken }, 'GET', '/api/client/profile'), 200);
    }
    expectStatus(await refresh(cookie), 200);
});

test('refresh without a cookie, or with one of nobody, is a 401', async () => {
    expectError(await refresh(undefined), 401);
    const name = (await register(server)).cookie.split('=')[0];
    expectError(await refresh(`${name}=${'A'.repeat(43)}`), 401);
    expectError(await refresh(`${name}=`), 401);
});

test('refresh takes a bearer of the same account and no other', async () => {
    const account = await register(server);
    const other = await register(server);
    expectError(await refresh(account.cookie, { authorization: `Bearer ${other.accessToken}` }), 401);
    const mine = await family(account);
    expectStatus(await refresh(mine.cookie, { authorization: `Bearer ${mine.accessToken}` }), 200);
});

test('refresh is refused to a page of another origin', async () => {
    const account = await register(server);
    const foreign = await refresh(account.cookie, { origin: 'https://evil.example' });
    expectError(foreign, 403, 'ORIGIN_NOT_ALLOWED');
    assert.equal(foreign.headers.get('set-cookie'), null);
    expectError(await refresh(account.cookie, { origin: 'null' }), 403, 'ORIGIN_NOT_ALLOWED');
    expectStatus(await refresh(account.cookie, { origin: server.management }), 200);
});

test('logout ends the family of the token and clears the cookie', async () => {
    const account = await register(server);
    const other = await family(account);
    const res = expectStatus(await manage(account, 'POST', '/api/auth/logout'), 204);
    expectConventions(res);
    assert.equal(res.text, '');
    assert.match(res.headers.get('set-cookie'), /Max-Age=0|Expires=Thu, 01 Jan 1970/i);
    expectError(await refresh(account.cookie), 401);
    expectStatus(await refresh(other.cookie), 200);
});

test('logout needs the access token', async () => {
    const account = await register(server);
    expectError(await post('/api/auth/logout', undefined, { cookie: account.cookie }), 401,
                'AUTH_MISSING_TOKEN');
    expectStatus(await refresh(account.cookie), 200);
});

test('the access token is signed with a key of the JWKS, which shows public keys only', async () => {
    const account = await register(server);
    const res = expectStatus(await manage(server, 'GET', '/.well-known/jwks.json'), 200);
    assert.ok(res.body.keys.length >= 1);
    for (const key of res.body.keys) {
        assert.equal(key.kty, 'RSA');
        const secret = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].filter((name) => name in key);
        assert.deepEqual(secret, []);
    }
    const [header, claims, signature] = account.accessToken.split('.');
    const verifies = res.body.keys.some((jwk) => verify(
        'sha256', Buffer.from(`${header}.${claims}`),
        createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url')));
    assert.ok(verifies);
});

test('nothing but a management access token opens the management API', async () => {
    const { account, app, users: [user] } = await createTenant(server, 'ann');
    const [header, claims] = account.accessToken.split('.');
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const { body: { keys: [jwk] } } = await manage(server, 'GET', '/.well-known/jwks.json');
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const hs256 = `${encode({ ...claimsOf(account.accessToken).header, alg: 'HS256' })}.${claims}`;
    const forged = {
        'a user JWT': user.jwt,
        'a user refresh token': user.refreshToken,
        'an API key': app.key.token,
        'its own refresh cookie': account.cookie.split('=')[1],
        'a changed signature': tampered(account.accessToken),
        'no signature': `${header}.${claims}.`,
        'alg none': `${encode({ alg: 'none', typ: 'JWT' })}.${claims}.`,
        'HS256 with the public key':
            `${hs256}.${createHmac('sha256', pem).update(hs256).digest('base64url')}`,
        'two parts': `${header}.${claims}`,
        'words': 'not a token',
    };
    for (const [what, token] of Object.entries(forged)) {
        const res = await manage(server, 'GET', '/api/client/profile', undefined,
                                 { authorization: `Bearer ${token}` });
        assert.equal(res.status, 401, what);
        expectError(res, 401, 'AUTH_INVALID_TOKEN');
    }
    const key = await manage(app.key, 'GET', '/api/client/profile');
    expectError(key, 401, 'AUTH_MISSING_TOKEN');
    expectStatus(await manage(account, 'GET', '/api/client/profile'), 200);
});

test('an expired access token is told from an invalid one, and is welcome at refresh', async () => {
    const brief = await startServer({ args: ['--account-token-ttl', '3s'] });
    try {
        const account = await register(brief);
        const expired = await eventually('the access token is expired', async () => {
            const res = await manage(account, 'GET', '/api/client/profile');
            return res.status === 401 && res;
        });
        expectError(expired, 401, 'AUTH_EXPIRED_TOKEN');
        const fresh = await manage(account, 'POST', '/api/auth/refresh', undefined,
                                   { cookie: account.cookie });
        const { accessToken, expiresIn } = expectStatus(fresh, 200).body;
        assert.equal(expiresIn, 3);
        expectStatus(await manage({ server: brief, accessToken }, 'GET', '/api/client/profile'), 200);
    } finally {
        await brief.stop();
    }
});

test('of many registrations of one email at the same moment one succeeds', async () => {
    const body = { companyName: 'x', email: `${unique('race')}@example.com`, password: PASSWORD };
    const answers = await Promise.all(Array.from({ length: 8 },
                                                 () => post('/api/auth/register', body)));
    assert.deepEqual(answers.map((res) => res.status).sort(),
                     [201, 409, 409, 409, 409, 409, 409, 409]);
});

test('behind HTTPS the cookie is Secure, and the origin is that of the public URL', async () => {
    const secure = await startServer({ args: ['--management-url', 'https://dash.example'] });
    try {
        const res = await manage(secure, 'POST', '/api/auth/register', {
            companyName: 'x', email: `${unique('x')}@example.com`, password: PASSWORD,
        });
        assert.match(expectStatus(res, 201).headers.get('set-cookie'), /;\s*Secure\b/i);
        const cookie = cookieOf(res);
        const from = (origin) => manage(secure, 'POST', '/api/auth/refresh', undefined,
                                        { cookie, origin });
        expectError(await from('http://dash.example'), 403, 'ORIGIN_NOT_ALLOWED');
        expectStatus(await from('https://dash.example'), 200);
    } finally {
        await secure.stop();
    }
});

test('failed logins are limited per email and per address, and only failures count', async () => {
    const limited = await startServer({
        args: ['--signin-failures', '3/15m', '--trusted-proxies', '127.0.0.1'],
    });
    try {
        const [ann, bob, carl] = [await register(limited), await register(limited),
                                  await register(limited)];
        const from = (address, account, password = PASSWORD) => manage(
            limited, 'POST', '/api/auth/login', { email: account.email, password },
            { 'x-forwarded-for': address });
        for (let i = 0; i < 5; i++) {
            expectStatus(await from('192.0.2.1', ann), 200);
        }
        for (let i = 0; i < 3; i++) {
            expectError(await from(`192.0.2.${10 + i}`, ann, 'wrong password'), 401);
        }
        const late = await from('192.0.2.20', ann);
        expectError(late, 429, 'RATE_LIMITED');
        assert.match(late.headers.get('retry-after'), /^[1-9]\d*$/);
        for (let i = 0; i < 3; i++) {
            expectError(await from('192.0.2.30', { email: `no${i}@example.com` }, 'wrong password'),
                        401);
        }
        expectError(await from('192.0.2.30', bob), 429, 'RATE_LIMITED');
        expectStatus(await from('192.0.2.31', bob), 200);
        expectStatus(await from('192.0.2.10', carl), 200);
    } finally {
        await limited.stop();
    }
});

test('X-Forwarded-For counts only as far as trusted proxies wrote it', async () => {
    const guess = (on, forwarded) => manage(
        on, 'POST', '/api/auth/login', { email: `${unique('no')}@example.com`, password: 'wrong one' },
        { 'x-forwarded-for': forwarded });
    const limits = ['--signin-failures', '3/15m'];
    for (const [args, forwarded] of [
        [[], (i) => `192.0.2.${i}`],
        [['--trusted-proxies', '127.0.0.1'], (i) => `192.0.2.${i}, 198.51.100.7`],
        [['--trusted-proxies', '127.0.0.1,10.0.0.0/8'], (i) => `192.0.2.${i},198.51.100.7, 10.1.2.${i}`],
        [['--trusted-proxies', '10.0.0.0/8'], (i) => `192.0.2.${i}`],
    ]) {
        const own = await startServer({ args: [...limits, ...args] });
        try {
            for (let i = 1; i <= 3; i++) {
                expectError(await guess(own, forwarded(i)), 401);
            }
            expectError(await guess(own, forwarded(4)), 429, 'RATE_LIMITED');
        } finally {
            await own.stop();
        }
    }
});
