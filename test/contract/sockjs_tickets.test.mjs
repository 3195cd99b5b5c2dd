// Tickets over SockJS: on every request, the session's own, and good for the next transport until
// one has CONNECTED.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { stomp } from './frames.mjs';
import { createTenant, getTicket, startServer } from './harness.mjs';
import { rawSocket, wsUrl } from './realtime.mjs';
import { ask, messagesOf, newSession, openStream, pathOf, PREFIX, SockSession, Stream }
    from './sockjs.mjs';

let server, ann, bob, eve;
before(async () => {
    server = await startServer({ args: ['--request-rate', 'off'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
    ({ users: [eve] } = await createTenant(server, 'eve'));
});
after(() => server?.stop());

/** Every message of a SockJS WebSocket, and its close as the last one. */
function messages(path, opened = () => {}) {
    const ws = new WebSocket(server.api.replace('http', 'ws') + path);
    ws.once('message', opened);
    return new Promise((done, fail) => {
        const all = [];
        ws.on('message', (data) => all.push(data.toString()));
        ws.on('close', (code) => done([...all, code]));
        ws.on('error', fail);
    });
}

const doors = [['POST', 'xhr'], ['POST', 'xhr_streaming'], ['GET', 'eventsource'], ['GET', 'htmlfile'],
               ['GET', 'jsonp']];

describe('a ticket that is no good', () => {
    for (const ticket of [undefined, '', 'x', `1-${'A'.repeat(43)}`, 'x'.repeat(4000)]) {
        test(`${String(ticket).slice(0, 20)}: 401, and over a websocket a close frame`, async () => {
            for (const [method, transport] of doors) {
                const path = pathOf('no-good', transport, ticket, { c: 'x' });
                const res = await ask(server, method, path);
                assert.equal(res.status, 401, transport);
                assert.equal(JSON.parse(res.text).code, 'AUTH_INVALID_TICKET');
            }
            const [frame, code, ...more] = await messages(pathOf('no-good', 'websocket', ticket));
            assert.match(frame, /^c\[1008,"The ticket is missing, unknown, spent or expired/);
            assert.deepEqual([code, more], [1008, []]);
            const raw = await ask(server, 'GET', `${PREFIX}/websocket?ticket=${ticket ?? ''}`, {
                headers: { 'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': 13,
                           'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' } });
            assert.equal(raw.status, 401);
        });
    }
});

test('info and the iframe page spend none', async () => {
    const session = await newSession(server, ann);
    for (const page of ['info', 'iframe.html']) {
        const res = await ask(server, 'GET', `${PREFIX}/${page}?ticket=${session.ticket}`);
        assert.equal(res.status, 200);
    }
    assert.equal((await session.poll()).text, 'o\n');
});

test('every request of a session needs the session\'s own', async () => {
    const stream = await openStream(server, ann);
    await stream.connect();
    for (const ticket of [undefined, 'x', await getTicket(bob), await getTicket(eve),
                          await getTicket(ann)]) {
        const other = new SockSession(server, ann, ticket, stream.id);
        assert.equal((await other.poll()).status, 401);
        assert.equal((await other.post('["\\n"]')).status, 401);
    }
    assert.equal((await stream.post('["\\n"]')).status, 204);
    stream.abort();
});

test('one ticket opens one session at a time, of many tries at once', async () => {
    const ticket = await getTicket(ann);
    const sessions = Array.from({ length: 10 }, () => new SockSession(server, ann, ticket));
    const opened = await Promise.all(sessions.map((session) => session.poll()));
    for (const { text } of opened) { // one may be told of a later one before it has begun
        assert.match(text, /^(o|c\[1008,"The ticket has opened another session\."\])\n$/);
    }
    assert.ok(opened.some(({ text }) => text === 'o\n'));
    await new Promise((done) => setTimeout(done, 100));
    const now = await Promise.all(sessions.map((session) => session.post('["\\n"]')));
    assert.ok(now.every(({ status }) => status === 204));
    const connects = sessions.map(async (session) => {
        await session.send(session.connectFrame());
        return (await session.poll()).text;
    });
    const frames = await Promise.all(connects);
    assert.equal(frames.filter((text) => text.startsWith('a["CONNECTED')).length, 1);
    assert.equal(frames.filter((text) => text.startsWith('c[1008,"The ticket has opened')).length, 9);
});

describe('the fallback to another transport', () => {
    test('closes the earlier session', async () => {
        const first = await openStream(server, ann);
        const second = new Stream(server, ann, first.ticket);
        await second.open('eventsource');
        assert.equal(await second.frame(), 'o');
        assert.equal(await first.frame(), 'c[1008,"The ticket has opened another session."]');
        await first.end();
        await second.connect();
        second.abort();
    });
    test('from websocket to polling', async () => {
        const ticket = await getTicket(ann);
        let ws;
        await new Promise((opened) => (ws = messages(pathOf('a', 'websocket', ticket), opened)));
        assert.equal((await new SockSession(server, ann, ticket).poll()).text, 'o\n');
        assert.deepEqual(await ws, ['o', 'c[1008,"The ticket has opened another session."]', 1008]);
    });
    test('ends with CONNECTED', async () => {
        const stream = await openStream(server, ann);
        await stream.connect();
        const later = new SockSession(server, ann, stream.ticket);
        assert.equal((await later.poll()).status, 401);
        const [frame] = await messages(later.path('websocket'));
        assert.match(frame, /^c\[1008,/);
        await assert.rejects(rawSocket(server, ann, { ticket: stream.ticket }), { status: 401 });
        await stream.subscribe(); // the session goes on
        stream.abort();
        await new Promise((done) => setTimeout(done, 200));
        assert.equal((await later.poll()).status, 401);
    });
    test('does not end with a CONNECT that was refused', async () => {
        const stream = await openStream(server, ann);
        await stream.send(stomp('CONNECT', { 'accept-version': '1.2', 'Authorization': 'Bearer x' }));
        assert.match(messagesOf(await stream.frame())[0], /^ERROR\n/);
        const later = new SockSession(server, ann, stream.ticket);
        assert.equal((await later.poll()).text, 'o\n');
    });
    test('is for SockJS only', async () => {
        const session = await newSession(server, ann);
        assert.equal((await session.poll()).text, 'o\n');
        await assert.rejects(rawSocket(server, ann, { ticket: session.ticket }), { status: 401 });
        const spent = await getTicket(ann);
        const plain = await rawSocket(server, ann, { ticket: spent });
        assert.equal((await new SockSession(server, ann, spent).poll()).status, 401);
        await plain.close();
    });
    test('ends with the ticket\'s time', async () => {
        const short = await startServer({ args: ['--ticket-ttl', '1s'] });
        try {
            const { users: [max] } = await createTenant(short, 'max');
            const stream = await openStream(short, max);
            await new Promise((done) => setTimeout(done, 1_200)); // time is what is tested
            assert.equal((await new SockSession(short, max, stream.ticket).poll()).status, 401);
            await stream.connect();
            stream.abort();
        } finally {
            await short.stop();
        }
    });
});

test('another user\'s ticket does not go with this JWT', async () => {
    const stream = await openStream(server, bob);
    await stream.send(new SockSession(server, ann, '').connectFrame());
    assert.match(messagesOf(await stream.frame())[0], /^ERROR\n/);
    assert.match(await stream.frame(), /^c\[1008,/);
});

test('origins that are not listed open nothing', async () => {
    const listed = await startServer({ args: ['--origins', 'https://a.example'] });
    try {
        const { users: [max] } = await createTenant(listed, 'max');
        const session = await newSession(listed, max);
        const from = (origin) => session.poll({ headers: { Origin: origin } });
        const refused = await from('https://b.example');
        assert.equal(refused.status, 403);
        assert.equal(refused.headers['access-control-allow-origin'], undefined);
        const good = await from('https://a.example');
        assert.equal(good.text, 'o\n');
        assert.equal(good.headers['access-control-allow-origin'], 'https://a.example');
        assert.equal(good.headers['access-control-allow-credentials'], 'true');
        await assert.rejects(new Promise((done, fail) => {
            new WebSocket(wsUrl(listed, 'x').replace('?', '/0/0/websocket?'),
                          { origin: 'https://b.example' }).on('open', done).on('error', fail);
        }), /403/);
    } finally {
        await listed.stop();
    }
});
