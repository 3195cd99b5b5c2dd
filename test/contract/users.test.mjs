// The users of an app: register, sign in, profile, rename, delete. Their tokens: sessions.test.mjs.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
    api, claimsOf, createApp, createChat, createKey, createTenant, createUser, expectBadFields,
    expectConventions, expectError, expectStatus, getTicket, JWT, newKey, NOT_TEXT, PASSWORD,
    register, signIn, startServer, unique, UUID7,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const server = await startServer({ args: ['--signin-failures', 'off'] });
after(() => server.stop());

let app;
before(async () => {
    app = await createApp(await register(server));
    app.key = await createKey(app);
});

const post = (body, who = app.key) => api(who, 'POST', '/api/user/registerUser', body);
const signin = (body, who = app.key) => api(who, 'POST', '/api/user/signin', body);
const getUser = (user) => api(user, 'GET', '/api/user/getUser');
const rename = (user, newUsername) => api(user, 'POST', '/api/user/changeUsername', { newUsername });
const remove = (user) => api(user, 'DELETE', '/api/user/deleteUser');
const membersOf = async (user, chatId) =>
    expectStatus(await api(user, 'GET', `/api/chat/getUsers/${chatId}`), 200).body.users;
const history = async (user, chatId) =>
    expectStatus(await api(user, 'GET', `/api/messages/getMessages/${chatId}`), 200).body.messages;

const newUser = (fields) => ({
    username: unique('user'), email: `${unique('mail')}@example.com`, password: PASSWORD, ...fields,
});

const BAD_NAMES = {
    'too long': 'x'.repeat(65),
    'a leading space': ' ann',
    'a trailing space': 'ann ',
    'a trailing no-break space': 'ann\u00a0',
    'a control character': 'a\u0007n',
    'a line break': 'a\nn',
    'a zero-width space': 'a\u200bn',
    'a zero-width joiner': 'a\u200dn',
    'a bidi override': 'a\u202en',
    'a bidi isolate': 'a\u2066n',
    'a byte order mark': '\ufeffann',
    'a soft hyphen': 'a\u00adn',
    'nothing but space': ' ',
};

test('registerUser answers 201 with id, username and email', async () => {
    const user = newUser({ username: unique('Ann'), email: `${unique('Ann')}@Example.com` });
    const res = expectStatus(await post(user), 201);
    expectConventions(res);
    const { id, ...rest } = res.body;
    assert.match(id, UUID7);
    assert.deepEqual(rest, { username: user.username, email: user.email });
    assert.equal(res.headers.get('authorization'), null);
});

test('a user name is taken within the app, whatever its ASCII case', async () => {
    const user = newUser({ username: unique('Ann') });
    expectStatus(await post(user), 201);
    for (const username of [user.username, user.username.toLowerCase(), user.username.toUpperCase()]) {
        expectError(await post(newUser({ username })), 409, 'USERNAME_TAKEN');
    }
});

test('an email is taken within the app, whatever its ASCII case', async () => {
    const user = newUser();
    expectStatus(await post(user), 201);
    for (const email of [user.email, user.email.toUpperCase()]) {
        expectError(await post(newUser({ email })), 409, 'EMAIL_TAKEN');
    }
});

test('another app may have the same name and email', async () => {
    const user = newUser();
    const first = expectStatus(await post(user), 201).body;
    const other = await createApp(app.account);
    const second = expectStatus(await post(user, await createKey(other)), 201).body;
    assert.notEqual(first.id, second.id);
});

test('registerUser names the field that is missing or wrong', async () => {
    await expectBadFields(post, newUser(), {
        username: [...NOT_TEXT, ...Object.values(BAD_NAMES)],
        email: [...NOT_TEXT, 'nobody', 'a@', '@b.example', `${'a'.repeat(250)}@b.example`],
        password: [...NOT_TEXT, '1234567', 'x'.repeat(129)],
        firstName: [7, ['x']],
        surName: [7, ['x']],
    });
});

test('names of 1 and 64 characters of any script are fine', async () => {
    for (const username of ['x', 'y'.repeat(64), '张伟', 'Œuvre d’art', '🦊'.repeat(64), '- "\'<b>']) {
        const res = expectStatus(await post(newUser({ username })), 201);
        assert.equal(res.body.username, username);
        expectStatus(await signin({ username, password: PASSWORD }), 200);
    }
});

test('composed and decomposed spellings are not two names', async () => {
    expectStatus(await post(newUser({ username: 'zo\u00eb' })), 201);
    const res = await post(newUser({ username: 'zoe\u0308' }));
    assert.ok([400, 409].includes(res.status), `${res.status} ${res.text}`);
    expectError(res, res.status);
});

test('of many registrations of one name at the same moment one succeeds', async () => {
    const username = unique('race');
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(newUser({ username }))));
    assert.deepEqual(answers.map((res) => res.status).sort(),
                     [201, 409, 409, 409, 409, 409, 409, 409]);
});

test('signin answers with the user, a refresh token and the bare JWT in the header', async () => {
    const user = newUser({ username: unique('Ann') });
    const { id } = expectStatus(await post(user), 201).body;
    const res = expectStatus(await signin({ username: user.username, password: PASSWORD }), 200);
    expectConventions(res);
    const { refreshToken, ...rest } = res.body;
    assert.deepEqual(rest, { id, username: user.username, email: user.email, roles: ['USER'] });
    assert.match(refreshToken, /^\S{20,}$/);
    const jwt = res.headers.get('authorization');
    assert.match(jwt, JWT);
    const { header, claims } = claimsOf(jwt);
    assert.equal(header.alg, 'HS256');
    assert.equal(claims.exp - claims.iat, 900);
    assert.equal(expectStatus(await getUser({ server, jwt }), 200).body.id, id);
});

test('signin finds the name in any ASCII case', async () => {
    const user = newUser({ username: unique('Ann') });
    expectStatus(await post(user), 201);
    const res = await signin({ username: user.username.toUpperCase(), password: PASSWORD });
    assert.equal(expectStatus(res, 200).body.username, user.username);
});

test('signin says the same for a wrong password and an unknown name', async () => {
    const user = newUser();
    expectStatus(await post(user), 201);
    const wrong = await signin({ username: user.username, password: 'wrong password' });
    const unknown = await signin({ username: unique('nobody'), password: 'wrong password' });
    expectError(wrong, 401, 'AUTH_BAD_CREDENTIALS');
    expectError(unknown, 401, 'AUTH_BAD_CREDENTIALS');
    assert.deepEqual(wrong.body, unknown.body);
    assert.equal(wrong.headers.get('authorization'), null);
});

test('signin names the field that is missing or of the wrong type', async () => {
    await expectBadFields(signin, { username: 'ann', password: PASSWORD }, {
        username: [undefined, null, 7, {}], password: [undefined, null, 7, {}],
    });
});

test('a user of another app cannot be signed in with this app’s key', async () => {
    const user = await createUser(app);
    const key = await newKey(server);
    expectError(await signin({ username: user.username, password: PASSWORD }, key), 401,
                'AUTH_BAD_CREDENTIALS');
});

test('failed sign-ins are limited per app and name, and only failures count', async () => {
    const limited = await startServer({ args: ['--signin-failures', '3/15m'] });
    try {
        const { app: one, users: [ann] } = await createTenant(limited, 'ann', 'bob');
        const { app: two } = await createTenant(limited, 'ann');
        const attempt = (username, password, of = one) => signin({ username, password }, of.key);
        for (let i = 0; i < 5; i++) {
            expectStatus(await attempt('ann', PASSWORD), 200);
        }
        for (const username of ['ann', 'ANN', 'ann']) {
            expectError(await attempt(username, 'wrong password'), 401, 'AUTH_BAD_CREDENTIALS');
        }
        const late = await attempt('ann', PASSWORD);
        expectError(late, 429, 'RATE_LIMITED');
        assert.match(late.headers.get('retry-after'), /^[1-9]\d*$/);
        expectStatus(await attempt('bob', PASSWORD), 200);
        expectStatus(await attempt('ann', PASSWORD, two), 200);
        expectStatus(await getUser(ann), 200);
    } finally {
        await limited.stop();
    }
});

test('guesses at the same moment tell no more than the limit allows; right ones all pass', async () => {
    const limited = await startServer({
        args: ['--signin-failures', '3/15m', '--hash-cost', '16m/1'], // all are at work at once
    });
    try {
        const { app: one } = await createTenant(limited, 'ann', 'bob');
        const many = (username, passwordOf) => Promise.all(Array.from({ length: 16 }, (_, i) =>
            signin({ username, password: passwordOf(i) }, one.key)));
        const told = await many('ann', (i) => `guess ${i}`);
        const tried = told.filter((res) => res.status === 401).length;
        assert.ok(tried <= 3, `${tried} of 16 passwords were tried`);
        told.filter((res) => res.status !== 401)
            .forEach((res) => expectError(res, 429, 'RATE_LIMITED'));
        (await many('bob', () => PASSWORD)).forEach((res) => expectStatus(res, 200));
    } finally {
        await limited.stop();
    }
});

test('getUser shows oneself', async () => {
    const fields = newUser({ firstName: 'Ann', surName: 'Ångström' });
    const { id } = expectStatus(await post(fields), 201).body;
    const res = expectStatus(await getUser(await signIn(app, fields.username)), 200);
    expectConventions(res);
    assert.deepEqual(res.body, {
        id, username: fields.username, email: fields.email, role: ['USER'], firstName: 'Ann',
        surName: 'Ångström',
    });
    const plain = expectStatus(await getUser(await createUser(app)), 200).body;
    assert.equal(plain.firstName, null);
    assert.equal(plain.surName, null);
});

test('changeUsername gives a new bare JWT, and the old one stays good', async () => {
    const user = await createUser(app);
    const newUsername = unique('Renamed');
    const res = expectStatus(await rename(user, newUsername), 200);
    expectConventions(res);
    const jwt = res.headers.get('authorization');
    assert.match(jwt, JWT);
    for (const token of [jwt, user.jwt]) {
        const { body } = expectStatus(await getUser({ server, jwt: token }), 200);
        assert.equal(body.username, newUsername);
        assert.equal(body.id, user.id);
    }
    await signIn(app, newUsername);
    expectError(await signin({ username: user.username, password: PASSWORD }), 401);
    expectStatus(await post(newUser({ username: user.username })), 201);
});

test('a new name shows in the chats', async () => {
    const [ann, bob] = [await createUser(app), await createUser(app)];
    const { chatId } = await createChat(ann, bob);
    const newUsername = unique('renamed');
    expectStatus(await rename(bob, newUsername), 200);
    const names = (await membersOf(ann, chatId)).map((member) => member.username);
    assert.deepEqual(names.sort(), [ann.username, newUsername].sort());
});

test('a name of another user is a 409, the own one in other case is not', async () => {
    const [ann, bob] = [await createUser(app), await createUser(app)];
    expectError(await rename(ann, bob.username), 409, 'USERNAME_TAKEN');
    expectError(await rename(ann, bob.username.toUpperCase()), 409, 'USERNAME_TAKEN');
    expectStatus(await rename(ann, ann.username.toUpperCase()), 200);
    assert.equal((await getUser(ann)).body.username, ann.username.toUpperCase());
    expectStatus(await rename(ann, ann.username.toUpperCase()), 200);
});

test('changeUsername names what is wrong with the name', async () => {
    const user = await createUser(app);
    await expectBadFields((body) => api(user, 'POST', '/api/user/changeUsername', body), {}, {
        newUsername: [...NOT_TEXT, ...Object.values(BAD_NAMES)],
    });
    assert.equal((await getUser(user)).body.username, user.username);
});

test('a deleted user is gone, and the name is free again', async () => {
    const user = await createUser(app);
    const refresh = () => api(user, 'POST', '/api/auth/refresh', { expiredJwt: user.jwt },
                              { authorization: `Bearer ${user.refreshToken}` });
    const session = await connect(server, user);
    const ticket = await getTicket(user);
    const res = expectStatus(await remove(user), 200);
    expectConventions(res);
    await session.whenClosed();
    expectError(await getUser(user), 401);
    expectError(await api(user, 'GET', '/api/chat/getChats'), 401);
    expectError(await remove(user), 401);
    expectError(await refresh(), 401);
    expectError(await signin({ username: user.username, password: PASSWORD }), 401);
    await assert.rejects(connect(server, user, { ticket }));
    const again = expectStatus(await post(newUser({ username: user.username, email: user.email })),
                               201).body;
    assert.notEqual(again.id, user.id);
    expectError(await getUser(user), 401);
});

test('a deleted user’s memberships, messages and reactions are gone', async () => {
    const [ann, bob, carl] = [await createUser(app), await createUser(app), await createUser(app)];
    const { chatId } = await createChat(ann, bob, carl);
    const [annLive, bobLive] = [await connect(server, ann), await connect(server, bob)];
    const { messageId } = await annLive.post(chatId, 'from ann');
    await bobLive.post(chatId, 'from bob');
    await annLive.send({ type: 'REACT', chatId, messageId, reaction: '👍' });
    await bobLive.send({ type: 'REACT', chatId, messageId, reaction: '🎈' });
    await annLive.send({ type: 'REPLY', chatId, messageId, message: 'reply of ann' });
    await bobLive.send({ type: 'REPLY', chatId, messageId, message: 'reply of bob' });

    expectStatus(await remove(bob), 200);
    assert.deepEqual((await membersOf(ann, chatId)).map((member) => member.userId).sort(),
                     [ann.id, carl.id].sort());
    const messages = await history(carl, chatId);
    assert.deepEqual(messages.map((m) => m.content), ['reply of ann', 'from ann']);
    assert.deepEqual(messages[1].reactions.map((r) => r.reaction), ['👍']);

    expectStatus(await remove(ann), 200);
    assert.deepEqual(await history(carl, chatId), []);
    const { chats: [chat] } = (await api(carl, 'GET', '/api/chat/getChats')).body;
    assert.equal(chat.creator, carl.id, 'the chat passes to the member of longest standing');
    assert.equal(chat.lastMessage, null);
    assert.equal(chat.groupChat, false);
    await annLive.drop();
});

test('user endpoints need a JWT of a user', async () => {
    const user = await createUser(app);
    const calls = [['GET', 'getUser'], ['GET', 'getTicket'], ['DELETE', 'deleteUser'],
                   ['POST', 'changeUsername', { newUsername: unique('x') }]];
    for (const [method, name, body] of calls) {
        const call = (who) => api(who, method, `/api/user/${name}`, body);
        expectError(await call(server), 401, 'AUTH_MISSING_TOKEN');
        expectError(await call(app.key), 401, 'AUTH_MISSING_TOKEN');
        expectError(await call({ server, jwt: app.key.token }), 401, 'AUTH_INVALID_TOKEN');
        expectError(await call({ server, jwt: user.refreshToken }), 401, 'AUTH_INVALID_TOKEN');
        expectError(await call(app.account), 401, 'AUTH_INVALID_TOKEN');
    }
    expectStatus(await getUser(user), 200);
});
