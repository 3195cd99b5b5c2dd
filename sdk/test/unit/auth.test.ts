import { expect, test } from 'vitest';
import { WhispError } from '../../src/index.js';
import { scene } from './client.js';
import { settled } from './clock.js';
import { json, jwt, refusal, type Request } from './server.js';

const bearerOf = ({ headers }: Request): string => (headers.get('authorization') ?? '').replace('Bearer ', '');

/** Only this JWT is good. */
function accepting(s: ReturnType<typeof scene>, good: string): void {
    s.server.on('GET /api/user/getUser', (request) => (
        bearerOf(request) === good ? json(200, { id: 'me' }) : refusal(401, 'AUTH_EXPIRED_TOKEN')));
}

function fresh(s: ReturnType<typeof scene>, life = 900, more = 'new'): string {
    const now = s.clock.now() / 1000;
    return jwt(now, now + life, more);
}

test('many 401s at once are one refresh, and every call succeeds', async () => {
    const s = scene();
    const good = fresh(s);
    const old = s.client.getAuth()?.jwt;
    accepting(s, good);
    s.server.on('POST /api/auth/refresh', () => json(200, null, { authorization: `Bearer ${good}` }));
    const users = await Promise.all(Array.from({ length: 10 }, () => s.client.getUser()));
    expect(users).toEqual(Array(10).fill({ id: 'me' }));
    const refreshes = s.server.of('/api/auth/refresh');
    expect(refreshes).toHaveLength(1);
    expect(refreshes[0]?.body).toEqual({ expiredJwt: old });
    expect(bearerOf(refreshes[0] as Request)).toBe('refresh-token');
    expect(s.client.getAuth()).toEqual({ jwt: good, refreshToken: 'refresh-token', userId: expect.any(String) });
});

test('a late 401 of the old JWT uses the one that is there already', async () => {
    const s = scene();
    const good = fresh(s);
    let answer = (): void => undefined;
    s.server.on('GET /api/user/getUser', async (request) => {
        if (bearerOf(request) === good) {
            return json(200, { id: 'me' });
        }
        await new Promise<void>((done) => (answer = done));
        return refusal(401, 'AUTH_EXPIRED_TOKEN');
    });
    s.server.on('POST /api/auth/refresh', () => json(200, null, { authorization: `Bearer ${good}` }));
    const user = s.client.getUser();
    await settled();
    await s.client.refresh();
    answer();
    await expect(user).resolves.toEqual({ id: 'me' });
    expect(s.server.of('/api/auth/refresh')).toHaveLength(1);
});

test('onAuthChange: each sign-in, each renewal, and the end; nothing when nothing changes', async () => {
    const s = scene();
    const good = fresh(s);
    const seen: unknown[] = [];
    const stop = s.client.onAuthChange((auth) => seen.push(auth?.jwt ?? null));
    s.server.on('POST /api/auth/refresh', () => json(200, null, { authorization: `Bearer ${good}` }));
    s.client.setAuth(s.client.getAuth());
    await s.client.refresh();
    s.client.setAuth({ jwt: 'another', refreshToken: 'r', userId: 'you' });
    s.client.setAuth(null);
    s.client.setAuth(null);
    expect(seen).toEqual([good, 'another', null]);
    stop();
    s.client.setAuth({ jwt: 'another', refreshToken: 'r', userId: 'you' });
    expect(seen).toHaveLength(3);
});

test('a refused refresh is a 401, and the sign-in is forgotten', async () => {
    const s = scene();
    accepting(s, 'none');
    s.server.on('POST /api/auth/refresh', () => refusal(401, 'AUTH_INVALID_TOKEN'));
    const error = await s.client.getUser().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WhispError);
    expect(error).toMatchObject({ status: 401, code: 'AUTH_INVALID_TOKEN', retryable: false });
    expect(s.client.isAuthenticated).toBe(false);
    expect(s.client.getAuth()).toBeNull();
    await expect(s.client.getUser()).rejects.toMatchObject({ status: 401 });
    expect(s.server.of('/api/auth/refresh')).toHaveLength(1);
});

test.each([
    ['is overloaded', 503, 'OVERLOADED'],
    ['has the app suspended', 403, 'APP_SUSPENDED'],
])('a refresh that fails because the server %s signs nobody out', async (_, status, code) => {
    const s = scene();
    accepting(s, 'none');
    s.server.on('POST /api/auth/refresh', () => refusal(status, code));
    await expect(s.client.getUser()).rejects.toMatchObject({ status, code, retryable: status === 503 });
    expect(s.client.isAuthenticated).toBe(true);
});

test('a second 401 after the refresh is the answer', async () => {
    const s = scene();
    accepting(s, 'none');
    s.server.on('POST /api/auth/refresh', () => json(200, null, { authorization: `Bearer ${fresh(s)}` }));
    await expect(s.client.getUser()).rejects.toMatchObject({ status: 401, code: 'AUTH_EXPIRED_TOKEN' });
    expect(s.server.of('/api/auth/refresh')).toHaveLength(1);
});

test('a JWT is renewed before it expires, by its own length and not by this clock', async () => {
    const s = scene();
    let made = 0;
    const behind = 7 * 3600; // the server's clock, in seconds
    s.server.on('GET /api/user/getUser', () => json(200, { id: 'me' }));
    s.server.on('POST /api/auth/refresh', () => {
        const now = s.clock.now() / 1000 - behind;
        return json(200, null, { authorization: `Bearer ${jwt(now, now + 900, String(++made))}` });
    });
    await s.client.refresh();
    for (const [ms, renewals] of [[0, 1], [830_000, 1], [15_000, 2], [830_000, 2], [15_000, 3]] as const) {
        s.clock.time += ms;
        await s.client.getUser();
        expect(made).toBe(renewals);
    }
});

test('when the early renewal cannot be had, the old JWT is used', async () => {
    const s = scene();
    s.clock.time += 870_000;
    accepting(s, s.client.getAuth()?.jwt ?? '');
    s.server.on('POST /api/auth/refresh', () => refusal(503, 'DRAINING'));
    await expect(s.client.getUser()).resolves.toEqual({ id: 'me' });
});

test('a sign-in during a refresh stays', async () => {
    const s = scene();
    let answer = (): void => undefined;
    s.server.on('POST /api/auth/refresh', async () => {
        await new Promise<void>((done) => (answer = done));
        return json(200, null, { authorization: 'Bearer late' });
    });
    const refresh = s.client.refresh();
    await settled();
    const other = { jwt: 'other', refreshToken: 'other-refresh', userId: 'somebody' };
    s.client.setAuth(other);
    answer();
    await refresh;
    expect(s.client.getAuth()).toEqual(other);
});

test('a renewal that is answered after the logout brings nobody back, and no call goes out with its JWT', async () => {
    const s = scene();
    let answer = (): void => undefined;
    s.server.on('GET /api/user/getUser', () => refusal(401, 'AUTH_EXPIRED_TOKEN'));
    s.server.on('POST /api/auth/logout', () => json(200, null));
    s.server.on('POST /api/auth/refresh', async () => {
        await new Promise<void>((done) => (answer = done));
        return json(200, null, { authorization: `Bearer ${fresh(s)}` });
    });
    const seen: unknown[] = [];
    s.client.onAuthChange((auth) => seen.push(auth));
    const call = s.client.getUser().catch((reason: unknown) => reason);
    await settled();
    await s.client.logout();
    answer();
    expect(await call).toMatchObject({ name: 'WhispError', status: 401, code: 'SIGNED_OUT', retryable: false });
    expect(s.client.isAuthenticated).toBe(false);
    expect(seen).toEqual([null]);
    expect(s.server.of('/api/user/getUser')).toHaveLength(1);
});

test('a user who is deleted after another has signed in leaves that sign-in as it is', async () => {
    const s = scene();
    let answer = (): void => undefined;
    s.server.on('DELETE /api/user/deleteUser', async () => {
        await new Promise<void>((done) => (answer = done));
        return json(200, null);
    });
    const call = s.client.deleteUser();
    await settled();
    const other = { jwt: 'other', refreshToken: 'other-refresh', userId: 'somebody' };
    s.client.setAuth(other);
    answer();
    await call;
    expect(s.client.getAuth()).toEqual(other);
});

test('a call that is refused after another user has signed in is not made as that user', async () => {
    const s = scene();
    let answer = (): void => undefined;
    s.server.on('DELETE /api/user/deleteUser', async () => {
        await new Promise<void>((done) => (answer = done));
        return refusal(401, 'AUTH_EXPIRED_TOKEN');
    });
    const call = s.client.deleteUser().catch((reason: unknown) => reason);
    await settled();
    const other = { jwt: 'other', refreshToken: 'other-refresh', userId: 'somebody' };
    s.client.setAuth(other);
    answer();
    expect(await call).toMatchObject({ status: 401, code: 'SIGNED_OUT' });
    expect(s.server.of('/api/user/deleteUser')).toHaveLength(1);
    expect(s.client.getAuth()).toEqual(other);
});

test('changeUsername that is answered after the user has signed in again leaves that sign-in as it is', async () => {
    const s = scene();
    let answer = (): void => undefined;
    s.server.on('POST /api/user/changeUsername', async () => {
        await new Promise<void>((done) => (answer = done));
        return json(200, null, { authorization: `Bearer ${fresh(s)}` });
    });
    const call = s.client.changeUsername('new');
    await settled();
    const again = { jwt: 'again', refreshToken: 'again-refresh', userId: s.client.getAuth()?.userId ?? '' };
    s.client.setAuth(again);
    answer();
    await call;
    expect(s.client.getAuth()).toEqual(again);
});

test('without an API key, registerUser and signIn say so and ask nothing', async () => {
    const s = scene({ signedIn: false });
    const user = { username: 'ann', email: 'ann@example.com', password: 'a good passphrase' };
    for (const call of [s.client.registerUser(user), s.client.signIn(user), s.client.signIn('ann', 'x')]) {
        await expect(call).rejects.toThrow(/^API key is required for this endpoint$/);
        await expect(call).rejects.toBeInstanceOf(WhispError);
    }
    await expect(s.client.signIn('ann', 'x')).rejects.toMatchObject({ status: 0, retryable: false });
    expect(s.server.requests).toEqual([]);
});

test('refresh() tells whether the JWT is another, and never throws', async () => {
    const s = scene();
    const { client, server } = s;
    server.on('POST /api/auth/refresh', () => json(200, null, { authorization: `Bearer ${fresh(s)}` }));
    expect(await client.refresh()).toBe(true);
    server.on('POST /api/auth/refresh', () => refusal(503, 'DRAINING'));
    expect(await client.refresh()).toBe(false);
    server.reachable = false;
    expect(await client.refresh()).toBe(false);
    expect(client.isAuthenticated).toBe(true);
    server.reachable = true;
    server.on('POST /api/auth/refresh', () => refusal(401, 'AUTH_INVALID_TOKEN'));
    expect(await client.refresh()).toBe(false);
    expect(client.isAuthenticated).toBe(false);
    expect(await client.refresh()).toBe(false);
});

test('signIn takes the bare header, and its 401 is no reason to refresh', async () => {
    const s = scene({ apiKey: 'the-key', signedIn: false });
    const user = { id: 'u1', username: 'ann', email: 'a@b.c', refreshToken: 'r', roles: ['USER'] };
    s.server.on('POST /api/user/signin', ({ body }) => (
        body?.password === 'right' ? json(200, user, { authorization: 'a.b.c' }) : refusal(401, 'AUTH_BAD_CREDENTIALS')));
    await expect(s.client.signIn('ann', 'wrong')).rejects.toMatchObject({ status: 401, code: 'AUTH_BAD_CREDENTIALS' });
    expect(s.client.isAuthenticated).toBe(false);
    const result = await s.client.signIn({ username: 'ann', password: 'right' });
    expect(result).toEqual({ ...user, jwt: 'a.b.c', userId: 'u1' });
    expect(s.client.getAuth()).toEqual({ jwt: 'a.b.c', refreshToken: 'r', userId: 'u1' });
    expect(s.server.requests.map(({ path }) => path)).toEqual(['/api/user/signin', '/api/user/signin']);
    expect(s.server.requests[1]?.headers.get('x-api-key')).toBe('the-key');
    expect(s.server.requests[1]?.body).toEqual({ username: 'ann', password: 'right' });
});

test('the API key and the tokens show in nothing that is printed', async () => {
    const { inspect } = await import('node:util');
    const s = scene({ apiKey: 'the-key' });
    s.server.on('POST /api/user/signin', () => refusal(401, 'AUTH_INVALID_API_KEY'));
    const error = await s.client.signIn('ann', 'pass-phrase').catch((reason: unknown) => reason);
    const shown = [s.client, error].map((value) => inspect(value, { depth: 20, showHidden: true }) + JSON.stringify(value));
    expect(shown.join()).not.toMatch(/the-key|refresh-token|pass-phrase/);
});

test('logout forgets the sign-in, whatever the server says', async () => {
    for (const [status, fails] of [[200, false], [401, false], [503, true]] as const) {
        const s = scene();
        s.server.on('POST /api/auth/logout', () => (status === 200 ? json(200, null) : refusal(status, 'X')));
        s.server.on('POST /api/auth/refresh', () => refusal(401, 'AUTH_INVALID_TOKEN'));
        const end = s.client.logout();
        await (fails ? expect(end).rejects.toMatchObject({ status }) : end);
        expect(s.client.isAuthenticated).toBe(false);
        expect(s.server.of('/api/auth/logout')[0]?.body).toEqual({ refreshToken: 'refresh-token' });
    }
});

test('changeUsername takes the new JWT', async () => {
    const s = scene();
    s.server.on('POST /api/user/changeUsername', () => json(200, null, { authorization: 'new.jwt.x' }));
    await s.client.changeUsername('anna');
    expect(s.client.getAuth()?.jwt).toBe('new.jwt.x');
    expect(s.server.requests.at(-1)?.body).toEqual({ newUsername: 'anna' });
});
