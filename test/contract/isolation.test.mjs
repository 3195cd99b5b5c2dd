// Two tenants that must not see each other on any endpoint. The cases are made from the server's
// own route table (`whispd routes`): every route has a valid request below, or the test fails; each
// id, name or token in it is exchanged for the other tenant's, and each credential for every wrong
// one. At the end the other tenant finds everything as it was.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
    api, createApp, createChat, createKey, createUser, expectError, expectStatus,
    manage, PASSWORD, register, run, signIn, startServer, unique,
} from './harness.mjs';
import { connect } from './realtime.mjs';
import { openStream } from './sockjs.mjs';

const server = await startServer({ args: ['--signin-failures', 'off', '--request-rate', 'off'] });
after(() => server.stop());

const routes = JSON.parse((await run(['routes'])).stdout);

// ---------------------------------------------------------------- a tenant and its things

/** An account with an app, keys, three users, a chat of two with messages. */
async function createWorld(name) {
    const account = await register(server);
    const app = await createApp(account, `app of ${name}`);
    const [ann, bob, carl] = [await createUser(app), await createUser(app), await createUser(app)];
    const spare = await signIn(app, ann.username);
    const key = await createKey(app);
    const { chatId } = await createChat(ann, bob);
    const session = await connect(server, ann);
    const { messageId } = await session.post(chatId, `secret of ${name}`);
    await session.close();
    return { name, account, app, ann, bob, carl, spare, key, chatId, messageId };
}

/** What is tenant's own: exchanging one of these for another tenant's must never work. */
const thingsOf = (world) => ({
    appId: world.app.id,
    keyId: world.key.id,
    chatId: world.chatId,
    messageId: world.messageId,
    bobId: world.bob.id,
    bobName: world.bob.username,
    carlName: world.carl.username,
    annName: world.ann.username,
    session: world.sockjs?.id,
    spareToken: world.spare.refreshToken,
    annToken: world.ann.refreshToken,
    annJwt: world.ann.jwt,
    cookie: world.account.cookie,
});

// ---------------------------------------------------------------- a valid request of each route

// `by` is who may call: account, user, key, refresh (a user's refresh token), cookie, ticket, none.
// A request is made of a tenant's things (t): path parameters are taken by their names.
// `refused` is what another tenant's thing gives where it is not 404.
const REQUESTS = {
    'management POST /api/auth/register': {
        by: 'none',
        body: () => ({ companyName: 'x', email: `${unique('x')}@example.com`, password: PASSWORD }),
    },
    'management POST /api/auth/login': {
        by: 'none', body: (t, world) => ({ email: world.account.email, password: PASSWORD }),
    },
    'management POST /api/auth/refresh': { by: 'cookie' },
    'management POST /api/auth/logout': { by: 'account' },
    'management GET /api/client/profile': { by: 'account' },
    'management PUT /api/client/profile': { by: 'account', body: () => ({ companyName: 'x' }) },
    'management GET /api/client/apps': { by: 'account' },
    'management POST /api/client/apps': { by: 'account', body: () => ({ name: 'x' }) },
    'management GET /api/client/apps/{appId}': { by: 'account' },
    'management PUT /api/client/apps/{appId}': {
        by: 'account', body: () => ({ name: 'taken over', status: 'SUSPENDED' }),
    },
    'management DELETE /api/client/apps/{appId}': { by: 'account' },
    'management POST /api/client/apps/{appId}/upgrade': {
        by: 'account', body: () => ({ tier: 'MULTI_TENANT' }),
    },
    'management GET /api/client/apps/{appId}/usage': { by: 'account' },
    'management GET /api/client/apps/{appId}/keys': { by: 'account' },
    'management POST /api/client/apps/{appId}/keys': { by: 'account' },
    'management DELETE /api/client/apps/{appId}/keys/{keyId}': { by: 'account' },
    'management POST /api/client/apps/{appId}/keys/{keyId}/rotate': { by: 'account' },
    'management GET /.well-known/jwks.json': { by: 'none' },
    'management GET /livez': { by: 'none' },
    'management GET /readyz': { by: 'none' },
    'management GET /openapi.json': { by: 'none' },
    'management GET /': { by: 'none' },
    'management GET /reference': { by: 'none' },
    'management GET /reference/': { by: 'none' },
    'management GET /reference/style.css': { by: 'none' },
    'management GET /reference/redoc.js': { by: 'none' },

    'api GET /livez': { by: 'none' },
    'api GET /readyz': { by: 'none' },
    'api GET /openapi.json': { by: 'none' },
    'api GET /asyncapi.json': { by: 'none' },
    'api GET /': { by: 'none' },
    'api GET /reference': { by: 'none' },
    'api GET /reference/': { by: 'none' },
    'api GET /reference/style.css': { by: 'none' },
    'api GET /reference/redoc.js': { by: 'none' },
    'api POST /api/user/registerUser': {
        by: 'key',
        body: () => ({ username: unique('x'), email: `${unique('x')}@example.com`,
                       password: PASSWORD }),
    },
    'api POST /api/user/signin': {
        by: 'key', body: (t) => ({ username: t.annName, password: PASSWORD }), refused: 401,
    },
    'api POST /api/auth/refresh': {
        by: 'refresh', body: (t) => ({ expiredJwt: t.annJwt }), refused: 401,
    },
    'api POST /api/auth/logout': {
        // A token of nobody is a 200; that nothing came of it shows at the end.
        by: 'user', body: (t) => ({ refreshToken: t.spareToken }), refused: 200,
    },
    'api POST /api/auth/logoutAll': { by: 'user' },
    'api GET /api/auth/getTicket': { by: 'user' },
    'api GET /api/user/getTicket': { by: 'user' },
    'api GET /api/user/getUser': { by: 'user' },
    'api POST /api/user/changeUsername': {
        by: 'user', body: () => ({ newUsername: unique('x') }),
    },
    'api DELETE /api/user/deleteUser': { by: 'user' },
    'api POST /api/chat/createChat': {
        by: 'user',
        body: (t, world) => ({ chatName: 'x', userNames: [world.ann.username, t.bobName] }),
    },
    'api GET /api/chat/getChats': { by: 'user' },
    'api GET /api/chat/getUsers/{chatId}': { by: 'user' },
    'api POST /api/chat/addUser': {
        by: 'user', body: (t) => ({ chatId: t.chatId, newUsername: t.carlName }),
    },
    'api POST /api/chat/removeUser': {
        by: 'user', body: (t) => ({ chatId: t.chatId, removeUser: t.bobId }),
    },
    'api POST /api/chat/changeName': {
        by: 'user', body: (t) => ({ chatId: t.chatId, newChatName: 'taken over' }),
    },
    'api DELETE /api/chat/deleteChat': { by: 'user', query: (t) => ({ chatId: t.chatId }) },
    'api GET /api/messages/getMessages/{chatId}': {
        by: 'user', query: (t) => ({ lastMessage: t.messageId }), refused: [400, 404],
    },
    'api GET /api/sync': { by: 'user', query: () => ({ cursor: 'e1' }) },
    'api GET /api/wsConnect': { by: 'ticket', query: () => ({}) },
    'api GET /api/wsConnect/info': { by: 'none' },
    'api GET /api/wsConnect/iframe.html': { by: 'none' },
    'api GET /api/wsConnect/websocket': { by: 'ticket', query: (t, world) => ticketOf(world) },
    'api GET /api/wsConnect/*/*/websocket': { by: 'ticket', query: (t, world) => ticketOf(world) },
    'api POST /api/wsConnect/*/{session}/xhr': {
        by: 'ticket', query: (t, world) => ticketOf(world), refused: 401,
    },
    'api POST /api/wsConnect/*/{session}/xhr_send': {
        by: 'ticket', query: (t, world) => ticketOf(world), body: () => '["x"]', refused: 401,
    },
    'api POST /api/wsConnect/*/{session}/xhr_streaming': {
        by: 'ticket', query: (t, world) => ticketOf(world), refused: 401,
    },
    'api GET /api/wsConnect/*/{session}/eventsource': {
        by: 'ticket', query: (t, world) => ticketOf(world), refused: 401,
    },
    'api GET /api/wsConnect/*/{session}/htmlfile': {
        by: 'ticket', query: (t, world) => ({ ...ticketOf(world), c: 'x' }), refused: 401,
    },
    'api GET /api/wsConnect/*/{session}/jsonp': {
        by: 'ticket', query: (t, world) => ({ ...ticketOf(world), c: 'x' }), refused: 401,
    },
    'api POST /api/wsConnect/*/{session}/jsonp_send': {
        by: 'ticket', query: (t, world) => ticketOf(world), body: () => '["x"]', refused: 401,
    },
};

const ticketOf = (world) => ({ ticket: world.sockjs?.ticket });

const nameOf = (route) => `${route.listener} ${route.method} ${route.path}`;

/** Notes which of the things were asked for. */
function watched(things, used) {
    return new Proxy(things, {
        get(target, name) {
            assert.ok(name in target, `no tenant has a ${String(name)}: teach it to thingsOf()`);
            used.add(name);
            return target[name];
        },
    });
}

/** The route's request as things and world make it: {path, body, used}. */
function compose(route, recipe, things, world) {
    const used = new Set();
    const t = watched(things, used);
    let path = route.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(t[name]));
    const query = recipe.query?.(t, world) ?? {};
    if (Object.keys(query).length) {
        path += `?${new URLSearchParams(query)}`;
    }
    return { path, body: recipe.body?.(t, world), used };
}

/** Every credential of a tenant by its class, as headers. */
const credentialsOf = (world) => ({
    account: { authorization: `Bearer ${world.account.accessToken}` },
    user: { authorization: `Bearer ${world.ann.jwt}` },
    key: { 'x-api-key': world.app.key.token },
    refresh: { authorization: `Bearer ${world.ann.refreshToken}` },
    cookie: { cookie: world.account.cookie },
});

/** Each of them where another belongs, in each place a credential can be, and nothing at all. */
function wrongCredentials(world, right) {
    const { account, ann, app } = world;
    const tokens = {
        'an access token': account.accessToken,
        'a user JWT': ann.jwt,
        'a refresh token': ann.refreshToken,
        'an API key': app.key.token,
        'a refresh cookie': account.cookie.split('=')[1],
    };
    const of = { account: 'an access token', user: 'a user JWT', refresh: 'a refresh token',
                 key: 'an API key', cookie: 'a refresh cookie' };
    const place = (where, token) => ({
        bearer: { authorization: `Bearer ${token}` },
        key: { 'x-api-key': token },
        cookie: { cookie: `${account.cookie.split('=')[0]}=${token}` },
    })[where];
    const rightPlace = { account: 'bearer', user: 'bearer', refresh: 'bearer', key: 'key',
                         cookie: 'cookie' }[right];
    const wrong = { 'no credential': {}, 'an empty one': place(rightPlace, ''),
                    'nonsense': place(rightPlace, 'nonsense') };
    for (const [what, token] of Object.entries(tokens)) {
        for (const where of ['bearer', 'key', 'cookie']) {
            if (what !== of[right] || where !== rightPlace) {
                wrong[`${what} as ${where}`] = place(where, token);
            }
        }
    }
    return wrong;
}

const call = (route, path, body, headers) => {
    const send = route.listener === 'management' ? manage : api;
    return send(server, route.method, path, body, headers);
};

// ---------------------------------------------------------------- what the other tenant has

/** All that a tenant can see of itself; marks move once, so it is taken after a first reading. */
async function snapshot(world) {
    const { account, app, ann, bob, carl, spare, chatId } = world;
    const json = async (send, who, path) => expectStatus(await send(who, 'GET', path), 200).body;
    const look = {
        profile: await json(manage, account, '/api/client/profile'),
        apps: await json(manage, account, '/api/client/apps'),
        app: await json(manage, account, `/api/client/apps/${app.id}`),
        keys: (await json(manage, account, `/api/client/apps/${app.id}/keys`))
            .map((key) => ({ ...key, lastUsedAt: null })),
        members: await json(api, ann, `/api/chat/getUsers/${chatId}`),
        history: await json(api, bob, `/api/messages/getMessages/${chatId}`),
    };
    for (const user of [ann, bob, carl, spare]) {
        look[`user ${user.id}`] = await json(api, user, '/api/user/getUser');
        look[`chats ${user.id}`] = await json(api, user, '/api/chat/getChats');
        assert.ok((await json(api, user, '/api/auth/getTicket')).ticket);
        expectStatus(await api(server, 'POST', '/api/auth/refresh', { expiredJwt: user.jwt },
                               { authorization: `Bearer ${user.refreshToken}` }), 200);
    }
    return look;
}

let mine;
let theirs;
let untouched;
before(async () => {
    [mine, theirs] = [await createWorld('mine'), await createWorld('theirs')];
    for (const world of [mine, theirs]) {
        world.sockjs = await openStream(server, world.ann);
        await world.sockjs.connect();
    }
    await snapshot(theirs);
    untouched = await snapshot(theirs);
});

// ---------------------------------------------------------------- the cases

test('the table has routes of both listeners, each once', () => {
    assert.ok(routes.length > 30, `${routes.length} routes`);
    const names = routes.map(nameOf);
    assert.equal(new Set(names).size, names.length);
    for (const name of Object.keys(REQUESTS)) {
        assert.ok(names.includes(name), `${name} is not in the table`);
    }
});

for (const route of routes) {
    describe(nameOf(route), () => cases(route));
}

/** The names of the things in a request: each alone, and all together. */
function mixesOf(route, recipe) {
    const names = new Proxy({}, { get: (_, name) => String(name), has: () => true });
    const { used } = compose(route, recipe, names, { account: {}, ann: {} });
    const alone = [...used].map((name) => [name]);
    return alone.length > 1 ? [...alone, [...used]] : alone;
}

function cases(route) {
    const recipe = REQUESTS[nameOf(route)];
    test('this test knows how to make a valid request of it', () => {
        assert.ok(recipe, `add ${nameOf(route)} to REQUESTS`);
    });
    if (!recipe) {
        return;
    }
    test('the table says who may call it', () => {
        const classes = ['account', 'user', 'key'];
        assert.equal(classes.includes(route.auth) ? route.auth : 'none',
                     classes.includes(recipe.by) ? recipe.by : 'none');
    });

    const sample = () => compose(route, recipe, thingsOf(mine), mine);
    for (const mix of mixesOf(route, recipe)) {
        test(`${mix.join(' and ')} of another tenant is refused`, async () => {
            const foreign = Object.fromEntries(mix.map((name) => [name, thingsOf(theirs)[name]]));
            const { path, body } = compose(route, recipe, { ...thingsOf(mine), ...foreign }, mine);
            const res = await call(route, path, body, credentialsOf(mine)[recipe.by]);
            const expected = [recipe.refused ?? 404].flat();
            assert.ok(expected.includes(res.status), `${res.status} ${res.text}`);
            if (res.status >= 400) {
                expectError(res, res.status);
            }
            assert.ok(!res.text.includes('secret of theirs'));
            assert.ok(!res.text.includes(theirs.account.email));
        });
    }

    if (['none', 'ticket'].includes(recipe.by)) {
        return;
    }
    test('no other class of credential opens it', async () => {
        const { path, body } = sample();
        for (const [what, headers] of Object.entries(wrongCredentials(mine, recipe.by))) {
            const res = await call(route, path, body, headers);
            assert.equal(res.status, 401, `${what}: ${res.status} ${res.text}`);
            expectError(res, 401);
        }
    });
    test('the request is a valid one for its own tenant', async () => {
        const world = await createWorld('fresh');
        const { path, body } = compose(route, recipe, thingsOf(world), world);
        const res = await call(route, path, body, credentialsOf(world)[recipe.by]);
        assert.ok(res.status >= 200 && res.status < 300, `${res.status} ${res.text}`);
    });
}

test('after all this the other tenant finds everything as it was', async () => {
    assert.deepEqual(await snapshot(theirs), untouched);
});
