// How many connections a client address and an app may have open at once: who is refused, how, and
// that what has ended is counted no more, whatever way it ended.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import {
    api, createTenant, eventually, expectError, expectStatus, getTicket, startServer,
} from './harness.mjs';
import { get, message, open } from './raw_http.mjs';
import { connect, rawSocket, wsUrl } from './realtime.mjs';
import { newSession, openStream } from './sockjs.mjs';

const LIMIT = 20;
const direct = await startServer({
    args: ['--connections-per-address', String(LIMIT), '--request-timeout', '60s',
           '--request-rate', 'off', '--key-rate', 'off'],
});
after(() => direct.stop());
const proxied = await startServer({
    args: ['--connections-per-address', '3', '--trusted-proxies', '127.0.0.1',
           '--app-connections', '6', '--request-rate', 'off'],
});
after(() => proxied.stop());

let alone;
let tenant;
before(async () => {
    alone = await createTenant(direct, 'ann');
    tenant = await createTenant(proxied, 'ann', 'bob');
});

/** fetch keeps connections open, which count: a request on one that ends with it. */
const lone = async (server, path = '/livez', headers = {}) => {
    const socket = await open(server.api);
    try {
        return await socket.write(get(path, { Connection: 'close', ...headers })).response();
    } finally {
        await socket.destroy();
    }
};

/** As many connections of this address as it may have, all answered; fetch's own are among them. */
async function fill(server) {
    const sockets = [];
    for (;;) {
        const socket = await open(server.api);
        const res = await socket.write(get('/livez')).response();
        if (res.status === 429) {
            await socket.whenClosed();
            return { sockets, refusal: res };
        }
        expectStatus(res, 200);
        sockets.push(socket);
        assert.ok(sockets.length <= LIMIT, 'more were let in than may be');
    }
}

const cut = (sockets) => Promise.all(sockets.map((socket) => socket.close()));
const destroy = (sockets) => Promise.all(sockets.map((socket) => socket.destroy()));

test('an address over its limit is told so, and let in again when one of its connections ends', async () => {
    const { sockets, refusal } = await fill(direct);
    assert.equal(refusal.body.code, 'CONNECTION_LIMIT');
    assert.deepEqual(Object.keys(refusal.body).sort(), ['code', 'message']);
    assert.equal(refusal.headers.get('connection'), 'close');
    assert.ok(refusal.headers.get('x-request-id'));
    assert.match(refusal.headers.get('retry-after'), /^[1-9]\d*$/);
    assert.equal((await sockets[0].write(get('/livez')).response()).status, 200, 'those inside go on');
    await sockets.pop().destroy();
    await eventually('there is room again', async () => (await lone(direct)).status === 200);
    await destroy(sockets);
});

test('what is over the limit and says nothing holds little, and past that is just closed', async () => {
    const { sockets } = await fill(direct);
    const silent = await Promise.all(Array.from({ length: 300 }, () => open(direct.api)));
    await eventually('some are closed', async () => silent.filter((socket) => socket.ended).length >= 40);
    assert.ok(silent.filter((socket) => !socket.ended).length <= 256);
    await destroy([...silent, ...sockets]);
    await eventually('all is as before', async () => (await lone(direct)).status === 200);
});

test('connections that ended in whatever way are not counted any longer', async () => {
    const [ann] = alone.users;
    const room = async () => {
        const { sockets } = await fill(direct);
        await destroy(sockets);
        return sockets.length;
    };
    const before = await room();
    const kinds = [
        async () => (await open(direct.api)).destroy(),
        async () => {
            const socket = await open(direct.api);
            socket.end();
            await socket.whenClosed();
        },
        () => lone(direct),
        async () => {
            const socket = await open(direct.api);
            await socket.write(message('POST', '/api/chat/createChat', { 'Content-Length': '99' }, '{'));
            await socket.destroy();
        },
        async () => {
            const socket = await open(direct.api);
            assert.equal((await socket.write('what is this\r\n\r\n').response()).status, 400);
            await socket.whenClosed();
        },
        async () => {
            const socket = await open(direct.api);
            socket.write(get('/api/user/getUser', { Authorization: `Bearer ${ann.jwt}` }));
            await socket.destroy();
        },
        () => new Promise((done) => { // a ticket that is none: the upgrade is refused
            new WebSocket(wsUrl(direct, 'none')).on('error', () => {}).on('close', done);
        }),
        async () => { // upgraded and cut
            await (await rawSocket(direct, ann)).close();
        },
    ];
    for (let round = 0; round < 150; round++) {
        await Promise.all(kinds.map((kind) => kind()));
    }
    for (let round = 0; round < 25; round++) {
        await (await connect(direct, ann)).close();
        const stream = await openStream(direct, ann);
        stream.abort();
    }
    await eventually('as much room as before', async () => await room() >= before);
    assert.ok(await room() <= LIMIT);
});

// ---------------------------------------------------------------- behind a proxy

const from = (address) => ({ 'X-Forwarded-For': address });

/** An open WebSocket of that client; rejects with {status, body} when refused. */
async function clientOf(address, user) {
    return rawSocket(proxied, user, { headers: from(address) });
}

async function expectRefused(promise, code) {
    const error = await promise.then(() => assert.fail('was let in'), (failure) => failure);
    assert.equal(error.status, 429, String(error));
    assert.equal(error.body.code, code);
}

test('behind a trusted proxy its clients are counted, by X-Forwarded-For, and the proxy is not', async () => {
    const [ann, bob] = tenant.users;
    const mine = [];
    for (let i = 0; i < 3; i++) {
        mine.push(await clientOf('203.0.113.7', ann));
    }
    await expectRefused(clientOf('203.0.113.7', ann), 'CONNECTION_LIMIT');
    const ticket = await getTicket(ann);
    expectError(await api(ann, 'GET', '/api/user/getUser', undefined, from('203.0.113.7')), 429,
                'CONNECTION_LIMIT');
    expectStatus(await api(ann, 'GET', '/api/user/getUser'), 200);
    const other = await clientOf('203.0.113.8', bob);
    for (let i = 0; i < 8; i++) { // requests that have ended do not count
        expectStatus(await api(bob, 'GET', '/api/user/getUser', undefined, from('203.0.113.9')), 200);
    }
    await mine.pop().close();
    const again = await eventually('one has ended', () => rawSocket(proxied, ann, {
        ticket, headers: from('203.0.113.7'),
    }).catch(() => undefined));
    await cut([...mine, other, again]);
});

test('an IPv6 subscriber is counted by its /64', async () => {
    const [ann] = tenant.users;
    const mine = [];
    for (const address of ['2001:db8::1', '2001:db8::2', '2001:db8::ffff:0:0:3']) {
        mine.push(await eventually('room', () => clientOf(address, ann).catch(() => undefined)));
    }
    await expectRefused(clientOf('2001:db8::4', ann), 'CONNECTION_LIMIT');
    mine.push(await clientOf('2001:db8:0:1::4', ann));
    await cut(mine);
});

test('SockJS over a WebSocket is refused in its own way: a close frame', async () => {
    const [ann] = tenant.users;
    const mine = [];
    for (let i = 0; i < 3; i++) {
        mine.push(await eventually('room', () => clientOf('203.0.113.20', ann).catch(() => undefined)));
    }
    const session = await newSession(proxied, ann);
    const ws = new WebSocket(proxied.api.replace(/^http/, 'ws') + session.path('websocket'),
                             { headers: from('203.0.113.20') });
    const texts = [];
    ws.on('message', (data) => texts.push(data.toString()));
    const code = await new Promise((done, fail) => ws.on('close', done).on('error', fail));
    assert.equal(code, 1008);
    assert.match(texts[0], /^c\[1008,"Too many open connections from this address/);
    await cut(mine);
});

test('an app has as many open sessions as it may: then tickets and upgrades are refused', async () => {
    const { app, users: [ann, bob] } = tenant;
    const all = [];
    const tickets = await eventually('room', async () => {
        const several = Array.from({ length: 4 }, () => getTicket(ann).catch(() => undefined));
        const got = await Promise.all(several);
        return got.every(Boolean) && got;
    });
    for (let i = 0; i < 6; i++) {
        all.push(await eventually('room', () => clientOf(`198.51.100.${i}`, ann).catch(() => undefined)));
    }
    expectError(await api(bob, 'GET', '/api/auth/getTicket'), 429, 'APP_CONNECTION_LIMIT');
    await expectRefused(rawSocket(proxied, ann, { ticket: tickets[0] }), 'APP_CONNECTION_LIMIT');

    const other = await createTenant(proxied, 'ann');
    assert.notEqual(other.app.id, app.id);
    await (await connect(proxied, other.users[0])).close();

    await all.pop().close();
    await eventually('one has ended', async () => {
        return (await api(ann, 'GET', '/api/auth/getTicket')).status === 200;
    });
    const late = await rawSocket(proxied, ann, { ticket: tickets[1] });
    await cut([...all, late]);
});

test('open sessions are among the sockets that --connections allows', async () => {
    const small = await startServer({ args: ['--connections', '16'] });
    try {
        const { users: [ann] } = await createTenant(small, 'ann');
        const tickets = [];
        for (let i = 0; i < 16; i++) {
            tickets.push(await getTicket(ann));
        }
        const sessions = [];
        let refused;
        while (!refused) {
            const ticket = tickets.shift();
            assert.ok(ticket, 'there was no end to them');
            await rawSocket(small, ann, { ticket })
                .then((socket) => sessions.push(socket), (error) => (refused = error));
        }
        assert.ok(sessions.length > 8, `${sessions.length} were let in`);
        await cut(sessions);
        await eventually('there is room again',
                         async () => (await api(ann, 'GET', '/api/user/getUser')).status === 200);
    } finally {
        await small.stop();
    }
});
