// What ends an open realtime session, and what does not: sign-out, deletion, suspension, keys.
// A session ended by the server is closed with 1008: do not come back with these tokens.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { api, createApp, createChat, createKey, createTenant, createUser, expectError, expectStatus,
         getTicket, manage, PASSWORD, signIn, startServer } from './harness.mjs';
import { connect, rawSocket } from './realtime.mjs';

let server, account, app, witness;

before(async () => {
    server = await startServer({ args: ['--request-rate', 'off'] });
    ({ account, app, users: [witness] } = await createTenant(server, 'witness'));
});

after(() => server?.stop());

/** The session still works: it sends and receives. */
async function alive(session, user, other = witness) {
    const { chatId } = await createChat(user, other);
    await session.post(chatId);
}

async function closedWith1008(session) {
    assert.equal((await session.whenClosed()).code, 1008);
}

const logout = (user) => api(user, 'POST', '/api/auth/logout', { refreshToken: user.refreshToken });

function refresh(user) {
    return api(user, 'POST', '/api/auth/refresh', { expiredJwt: user.jwt },
               { authorization: `Bearer ${user.refreshToken}` });
}

describe('sign-out', () => {
    test('logout closes the realtime sessions of that sign-in only', async () => {
        const phone = await createUser(app);
        const desk = await signIn(app, phone.username);
        const sessions = await Promise.all([connect(server, phone), connect(server, phone)]);
        const stays = await connect(server, desk);
        expectStatus(await logout(phone), 200);
        await Promise.all(sessions.map(closedWith1008));
        await alive(stays, desk);
        expectError(await api(phone, 'GET', '/api/auth/getTicket'), 401);
        expectError(await refresh(phone), 401);
        expectStatus(await refresh(desk), 200);
        await stays.close();
    });

    test('the answer comes before the caller\'s own session is closed', async () => {
        const user = await createUser(app);
        const session = await connect(server, user);
        const order = [];
        await Promise.all([
            logout(user).then(() => order.push('answer')),
            session.closed.then(() => order.push('close')),
        ]);
        assert.deepEqual(order, ['answer', 'close']);
    });

    test('a ticket from before does not open one after', async () => {
        const user = await createUser(app);
        const [ticket, early] = [await getTicket(user), await rawSocket(server, user)];
        expectStatus(await logout(user), 200);
        early.send('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${user.jwt}` });
        assert.equal((await early.whenClosed()).code, 1008);
        assert.ok(!early.frames.some(({ command }) => command === 'CONNECTED'));
        await assert.rejects(connect(server, user, { ticket }), /401|ERROR frame|closed 1008/);
    });

    test('an unknown refresh token is a 200 and closes nothing', async () => {
        const user = await createUser(app);
        const session = await connect(server, user);
        expectStatus(await api(user, 'POST', '/api/auth/logout', { refreshToken: 'unknown' }), 200);
        await alive(session, user);
        await session.close();
    });

    test('logoutAll closes all of the user\'s and nobody else\'s', async () => {
        const phone = await createUser(app);
        const desk = await signIn(app, phone.username);
        const sessions = await Promise.all([phone, desk, desk].map((user) => connect(server, user)));
        const other = await connect(server, witness);
        expectStatus(await api(phone, 'POST', '/api/auth/logoutAll'), 200);
        await Promise.all(sessions.map(closedWith1008));
        for (const user of [phone, desk]) {
            expectError(await api(user, 'GET', '/api/auth/getTicket'), 401);
            expectError(await refresh(user), 401);
        }
        const back = await signIn(app, phone.username);
        const again = await connect(server, back);
        await alive(again, back);
        await alive(other, witness, back);
        await Promise.all([again.close(), other.close()]);
    });

    test('deleteUser closes all of the user\'s', async () => {
        const user = await createUser(app);
        const again = await signIn(app, user.username);
        const sessions = await Promise.all([connect(server, user), connect(server, again)]);
        expectStatus(await api(user, 'DELETE', '/api/user/deleteUser'), 200);
        await Promise.all(sessions.map(closedWith1008));
        for (const each of [user, again]) {
            expectError(await api(each, 'GET', '/api/user/getUser'), 401);
            expectError(await api(each, 'GET', '/api/auth/getTicket'), 401);
        }
    });
});

describe('apps and keys', () => {
    test('suspension: 1008 and 403 APP_SUSPENDED, for that app; the tokens are good again after it', async () => {
        const paused = await createApp(account);
        const user = await createUser(paused);
        const other = await createUser(paused);
        const sessions = await Promise.all([connect(server, user), connect(server, other)]);
        const pending = await rawSocket(server, user);
        const elsewhere = await connect(server, witness);

        const path = `/api/client/apps/${paused.id}`;
        expectStatus(await manage(account, 'PUT', path, { status: 'SUSPENDED' }), 200);
        await Promise.all(sessions.map(closedWith1008));
        pending.send('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${user.jwt}` });
        assert.equal((await pending.whenClosed()).code, 1008);
        expectError(await api(user, 'GET', '/api/auth/getTicket'), 403, 'APP_SUSPENDED');
        expectError(await api(user, 'GET', '/api/chat/getChats'), 403, 'APP_SUSPENDED');
        expectError(await refresh(user), 403, 'APP_SUSPENDED');
        expectError(await api(paused.key, 'POST', '/api/user/signin',
                              { username: user.username, password: PASSWORD }), 403, 'APP_SUSPENDED');
        await alive(elsewhere, witness, await createUser(app));

        expectStatus(await manage(account, 'PUT', path, { status: 'ACTIVE' }), 200);
        const back = await connect(server, user);
        await alive(back, user, other);
        expectStatus(await refresh(user), 200);
        await Promise.all([back.close(), elsewhere.close()]);
        expectStatus(await manage(account, 'DELETE', path), 204);
    });

    test('deletion of the app: 1008 and 401', async () => {
        const doomed = await createApp(account);
        const user = await createUser(doomed);
        const session = await connect(server, user);
        expectStatus(await manage(account, 'DELETE', `/api/client/apps/${doomed.id}`), 204);
        await closedWith1008(session);
        expectError(await api(user, 'GET', '/api/auth/getTicket'), 401);
        expectError(await api(user, 'GET', '/api/user/getUser'), 401);
        expectError(await refresh(user), 401);
        expectError(await api(doomed.key, 'POST', '/api/user/signin',
                              { username: user.username, password: PASSWORD }), 401);
    });

    test('a revoked key stops at once; users who came in with it stay', async () => {
        const key = await createKey(app);
        const user = await createUser({ ...app, key });
        const session = await connect(server, user);
        const credentials = { username: user.username, password: PASSWORD };
        expectStatus(await api(key, 'POST', '/api/user/signin', credentials), 200);
        expectStatus(await manage(account, 'DELETE', `/api/client/apps/${app.id}/keys/${key.id}`), 204);
        expectError(await api(key, 'POST', '/api/user/signin', credentials), 401, 'AUTH_REVOKED_API_KEY');
        await alive(session, user);
        expectStatus(await refresh(user), 200);
        await session.close();
    });

    test('a rotated key stops at once, the new one is good', async () => {
        const key = await createKey(app);
        const path = `/api/client/apps/${app.id}/keys/${key.id}/rotate`;
        const fresh = expectStatus(await manage(account, 'POST', path), 201).body;
        const credentials = { username: witness.username, password: PASSWORD };
        expectError(await api(key, 'POST', '/api/user/signin', credentials), 401, 'AUTH_REVOKED_API_KEY');
        expectStatus(await api({ ...key, token: fresh.token }, 'POST', '/api/user/signin', credentials), 200);
    });
});
