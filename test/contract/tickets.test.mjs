// Tickets: how a WebSocket may be opened, and how many. What ends an open one is in
// revocation.test.mjs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { api, createApp, createChat, createTenant, createUser, expectError, expectStatus, getTicket,
         startServer, UNKNOWN_ID } from './harness.mjs';
import { connect, rawSocket, WAIT } from './realtime.mjs';

let server, ann, bob;

before(async () => {
    server = await startServer({ args: ['--request-rate', 'off'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
});

after(() => server?.stop());

/** The upgrade is answered with 401, in the shape of every 401. */
async function unauthorized(options) {
    let refusal;
    try {
        await (await rawSocket(server, ann, options)).close();
    } catch (error) {
        refusal = error;
    }
    assert.ok(refusal, 'the WebSocket opened');
    assert.equal(refusal.status, 401, refusal.message);
    assert.equal(refusal.body.status, '401');
    assert.equal(refusal.body.instance, '/api/wsConnect');
    assert.match(refusal.body.code, /^AUTH_/);
    assert.ok(refusal.headers['www-authenticate']);
    assert.ok(refusal.headers['x-request-id']);
}

describe('a ticket', () => {
    test('is random, from both paths', async () => {
        const tickets = new Set();
        for (const path of ['/api/auth/getTicket', '/api/user/getTicket']) {
            for (let i = 0; i < 3; i++) {
                const { body } = expectStatus(await api(ann, 'GET', path), 200);
                assert.ok(typeof body.ticket === 'string' && body.ticket.length >= 20);
                tickets.add(body.ticket);
            }
        }
        assert.equal(tickets.size, 6);
        for (const ticket of tickets) {
            const socket = await rawSocket(server, ann, { ticket });
            await socket.connect();
            await socket.close();
        }
    });

    test('needs a JWT', async () => {
        expectError(await api(server, 'GET', '/api/auth/getTicket'), 401, 'AUTH_MISSING_TOKEN');
        expectError(await api(server, 'GET', '/api/auth/getTicket', undefined,
                              { authorization: 'Bearer x.y.z' }), 401, 'AUTH_INVALID_TOKEN');
    });

    test('is spent by the upgrade, not by CONNECT', async () => {
        const ticket = await getTicket(ann);
        const socket = await rawSocket(server, ann, { ticket });
        await unauthorized({ ticket });
        await socket.close();
        await unauthorized({ ticket });
    });

    test('opens one of many sockets that come at once', async () => {
        const ticket = await getTicket(ann);
        const tries = await Promise.allSettled(
            Array.from({ length: 20 }, () => rawSocket(server, ann, { ticket })));
        const open = tries.filter(({ status }) => status === 'fulfilled');
        assert.equal(open.length, 1);
        assert.ok(tries.every(({ status, reason }) => status === 'fulfilled' || reason.status === 401));
        await open[0].value.connect();
        await open[0].value.close();
    });

    for (const ticket of [null, '', 'x', UNKNOWN_ID, 'A'.repeat(43), 'x'.repeat(4000), '\0', '%00', '💥']) {
        test(`that is ${ticket === null ? 'missing' : JSON.stringify(ticket.slice(0, 40))} is a 401`, async () => {
            await unauthorized({ ticket });
        });
    }

    test('of another user does not go with this one\'s JWT', async () => {
        const socket = await rawSocket(server, ann, { ticket: await getTicket(bob) });
        socket.send('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${ann.jwt}` });
        await socket.failed();
    });

    test('is all that the upgrade looks at: an Authorization header there is ignored', async () => {
        const socket = await rawSocket(server, ann, { headers: { authorization: 'Bearer rubbish' } });
        await socket.connect();
        await socket.close();
        await unauthorized({ ticket: null, headers: { authorization: `Bearer ${ann.jwt}` } });
    });

    test('expires', async () => {
        const short = await startServer({ args: ['--ticket-ttl', '2s'] });
        try {
            const { users: [max] } = await createTenant(short, 'max');
            const [early, late] = [await getTicket(max), await getTicket(max)];
            await (await rawSocket(short, max, { ticket: early })).close();
            await new Promise((done) => setTimeout(done, 2_200)); // time is what is tested
            await assert.rejects(rawSocket(short, max, { ticket: late }), { status: 401 });
        } finally {
            await short.stop();
        }
    });
});

test('without an Upgrade header the path says hello', async () => {
    const res = expectStatus(await api(server, 'GET', '/api/wsConnect'), 200);
    assert.equal(res.text, 'Welcome to SockJS!\n');
});

describe('an upgrade that is not one', () => {
    const good = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13',
                   'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    const rows = {
        'another version': [{ 'sec-websocket-version': '8' }, 426],
        'no version': [{ 'sec-websocket-version': undefined }, 426],
        'no key': [{ 'sec-websocket-key': undefined }, 400],
        'a key of another length': [{ 'sec-websocket-key': 'c2hvcnQ=' }, 400],
    };
    for (const [name, [change, status]] of Object.entries(rows)) {
        test(`${name} is a ${status}, and spends no ticket`, async () => {
            const ticket = await getTicket(ann);
            const answer = await upgrade(`/api/wsConnect?ticket=${ticket}`, { ...good, ...change });
            assert.equal(answer.statusCode, status);
            if (status === 426) {
                assert.equal(answer.headers['sec-websocket-version'], '13');
                assert.equal(answer.headers.upgrade, 'websocket');
                assert.match(answer.headers.connection, /\bupgrade\b/i);
            }
            await (await rawSocket(server, ann, { ticket })).close();
        });
    }

    /** fetch() forbids these headers. */
    async function upgrade(path, headers) {
        const { request } = await import('node:http');
        return new Promise((done, fail) => {
            const sent = Object.fromEntries(Object.entries(headers).filter(([, value]) => value));
            const req = request(server.api + path, { headers: sent });
            req.on('response', (res) => res.resume().on('end', () => done(res)));
            req.on('upgrade', (res, socket) => {
                socket.destroy();
                done(res);
            });
            req.on('error', fail);
            req.end();
        });
    }
});

// ---------------------------------------------------------------- how many

test('100 sessions of one user at a time', async () => {
    const { chatId } = await createChat(bob, ann);
    const sessions = [];
    for (let i = 0; i < 10; i++) {
        sessions.push(...await Promise.all(Array.from({ length: 10 }, () => connect(server, bob))));
    }
    await sessions[0].post(chatId, 'to all of my devices');
    await Promise.all(sessions.slice(1).map((session) => session.next({ message: 'to all of my devices' })));
    await assert.rejects(connect(server, bob), /429|ERROR frame|closed 1008|refused/);
    await sessions.pop().close();
    const again = await eventually(() => connect(server, bob));
    await Promise.all([...sessions, again].map((session) => session.drop()));
});

/** Tries until it does well: the server hears of a closed session a moment later. */
async function eventually(what) {
    const until = Date.now() + WAIT;
    for (;;) {
        try {
            return await what();
        } catch (error) {
            if (Date.now() > until) {
                throw error;
            }
            await new Promise((done) => setTimeout(done, 50));
        }
    }
}

describe('with --demo-users 2', () => {
    let small, account, users;
    before(async () => {
        small = await startServer({ args: ['--demo-users', '2', '--request-rate', 'off'] });
        ({ account, users } = await createTenant(small, 'one', 'two', 'three'));
    });
    after(() => small?.stop());

    test('the third distinct user is refused, a further device passes', async () => {
        const [one, two, three] = users;
        const early = await getTicket(three);
        const first = await connect(small, one);
        const second = await connect(small, two);
        expectError(await api(three, 'GET', '/api/auth/getTicket'), 429, 'CONCURRENT_USER_LIMIT');

        const device = await connect(small, one);
        const { chatId } = await createChat(one, two);
        await device.post(chatId);

        await assert.rejects(connect(small, three, { ticket: early }), /ERROR frame|429/,
                             'it is checked again at CONNECT');

        const other = await createApp(account);
        const elsewhere = await connect(small, await createUser(other));
        await elsewhere.close();

        await first.close();
        expectError(await api(three, 'GET', '/api/auth/getTicket'), 429, 'CONCURRENT_USER_LIMIT');
        await device.close();
        const third = await eventually(() => connect(small, three));
        expectError(await api(one, 'GET', '/api/auth/getTicket'), 429, 'CONCURRENT_USER_LIMIT');
        await Promise.all([second.close(), third.close()]);
    });
});
