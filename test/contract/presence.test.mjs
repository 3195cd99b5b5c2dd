// PRESENCE: who asks for it is told who of its chats is there, and when that changes. The waits are
// short options, except where the test is that nothing comes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
    api, createChat, createTenant, createUser, eventually, expectStatus, startServer, TIME, unique,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const AWAY = 1500;
const INTERVAL = 1500;
const SLACK = 600; // timers of a tenth of a second, a commit, a busy machine
const FREE = ['--request-rate', 'off', '--key-rate', 'off', '--threads', '3', '--demo-users', '0'];

const server = await startServer({
    args: [...FREE, '--presence-away', `${AWAY}ms`, '--presence-interval', `${INTERVAL}ms`],
});
after(() => server.stop());

let tenant;
before(async () => {
    tenant = await createTenant(server);
});

const newUsers = async (n, app = tenant.app) => {
    const users = [];
    for (let i = 0; i < n; i++) {
        users.push(await createUser(app));
    }
    return users;
};
const watch = (user, options = {}) => connect(user.server, user, {
    ...options, subscribeHeaders: { presence: 'true', ...options.subscribeHeaders },
});
const presenceOf = (user, status) => ({ type: 'PRESENCE', userId: user.id, ...(status && { status }) });
const presences = (session) => session.events.filter(({ type }) => type === 'PRESENCE');
const later = (ms) => new Promise((done) => setTimeout(done, ms));
const close = (...sessions) => Promise.all(sessions.map((session) => session.close()));
const memberOf = async (asker, chatId, user) => {
    const { users } = expectStatus(await api(asker, 'GET', `/api/chat/getUsers/${chatId}`), 200).body;
    return users.find(({ userId }) => userId === user.id);
};

function expectPresence(session, event, user, status) {
    assert.deepEqual(event, {
        type: 'PRESENCE', userId: user.id, status, lastSeenAt: event.lastSeenAt,
        recipientId: session.user.id, senderId: user.id,
    });
    if (status === 'ONLINE') {
        assert.equal(event.lastSeenAt, null);
    } else {
        assert.match(event.lastSeenAt, TIME);
        assert.ok(Math.abs(Date.parse(event.lastSeenAt) - Date.now()) < 60_000);
    }
    const { headers } = session.frames.find((frame) => frame.event === event);
    assert.equal(headers.destination, `/user/${session.user.id}/queue/messages`);
    assert.match(headers['message-id'], /^u[0-9a-f]+-[0-9a-f]+-[0-9a-f]+$/, 'an unstored event\'s id');
}

test('who asks is told who comes and who has gone, and getUsers says the same', async () => {
    const [ann, bob] = await newUsers(2);
    const { chatId } = await createChat(ann, bob);
    assert.deepEqual([(await memberOf(ann, chatId, bob)).online,
                      (await memberOf(ann, chatId, bob)).lastSeenAt], [false, null]);
    const a = await watch(ann);
    const b = await connect(server, bob);
    expectPresence(a, await a.next(presenceOf(bob)), bob, 'ONLINE');
    const there = await memberOf(ann, chatId, bob);
    assert.deepEqual([there.online, there.lastSeenAt], [true, null]);

    const before = Date.now();
    await b.close();
    const gone = await a.next(presenceOf(bob));
    expectPresence(a, gone, bob, 'OFFLINE');
    assert.ok(Date.now() - before >= AWAY, 'told too early');
    assert.ok(Math.abs(Date.parse(gone.lastSeenAt) - before) < 1000, 'not when it left');
    const away = await memberOf(ann, chatId, bob);
    assert.deepEqual([away.online, away.lastSeenAt], [false, gone.lastSeenAt]);
    assert.equal(presences(b).length, 0, 'bob did not ask');
    await close(a);
});

test('first comes who is there: once each, not oneself, no stranger, none who is away', async () => {
    const [ann, bob, carl, dora, emil] = await newUsers(5);
    await createChat(ann, bob, carl, emil);
    const { chatId } = await createChat(ann, bob);
    await createChat(bob, dora);
    const others = await Promise.all([bob, carl, dora].map((user) => connect(server, user)));
    await eventually('bob is online', async () => (await memberOf(ann, chatId, bob)).online);
    await later(AWAY);
    const own = await connect(server, ann);
    const a = await watch(ann);
    const told = [await a.next('PRESENCE'), await a.next('PRESENCE')];
    assert.deepEqual(told.map(({ userId }) => userId).sort(), [bob.id, carl.id].sort());
    for (const event of told) {
        assert.equal(event.status, 'ONLINE');
    }
    const again = await watch(bob);
    const seen = [await again.next('PRESENCE'), await again.next('PRESENCE'), await again.next('PRESENCE')];
    assert.deepEqual(seen.map(({ userId }) => userId).sort(), [ann.id, carl.id, dora.id].sort());
    await later(500);
    assert.equal(presences(a).length, 2);
    assert.equal(presences(again).length, 3);
    assert.equal(presences(own).length, 0);
    await close(own, a, again, ...others);
});

test('a user with another session is there still', async () => {
    const [ann, bob] = await newUsers(2);
    await createChat(ann, bob);
    const a = await watch(ann);
    const [one, two] = [await connect(server, bob, { subscribe: false }), await connect(server, bob)];
    await a.next(presenceOf(bob, 'ONLINE'));
    await one.close();
    await later(AWAY + SLACK);
    assert.equal(presences(a).length, 1);
    await two.close();
    await a.next(presenceOf(bob, 'OFFLINE'));
    await close(a);
});

test('who comes back in time was never away', async () => {
    const [ann, bob] = await newUsers(2);
    const { chatId } = await createChat(ann, bob);
    const a = await watch(ann);
    let b = await connect(server, bob);
    await a.next(presenceOf(bob, 'ONLINE'));
    for (let i = 0; i < 5; i++) {
        await b.drop();
        assert.equal((await memberOf(ann, chatId, bob)).online, true);
        await later(AWAY / 4);
        b = await connect(server, bob);
    }
    await later(AWAY + INTERVAL);
    assert.equal(presences(a).length, 1);
    await close(a, b);
});

test('a user is news once in the interval, and the last state always comes', async () => {
    const quick = await startServer({
        args: [...FREE, '--presence-away', '100ms', '--presence-interval', `${INTERVAL}ms`],
    });
    try {
        const { app } = await createTenant(quick);
        const [ann, bob] = await newUsers(2, app);
        await createChat(ann, bob);
        const a = await watch(ann);
        const times = [];
        a.onEvent = ({ type }) => type === 'PRESENCE' && times.push(Date.now());
        for (let end = Date.now() + 3 * INTERVAL; Date.now() < end;) {
            const b = await connect(quick, bob);
            await later(300);
            await b.close();
            await later(400);
        }
        const b = await connect(quick, bob);
        await eventually('it is told at last', () => presences(a).at(-1)?.status === 'ONLINE');
        await later(INTERVAL + SLACK);
        assert.equal(presences(a).at(-1).status, 'ONLINE');
        await b.close();
        await eventually('and of its end', () => presences(a).at(-1).status === 'OFFLINE');
        assert.ok(times.length >= 3, `${times.length} events`);
        const gaps = times.slice(1).map((time, i) => time - times[i]);
        assert.ok(Math.min(...gaps) >= INTERVAL - 60, `${gaps} ms apart`);
        const states = presences(a).map(({ status }) => status);
        states.slice(1).forEach((status, i) => assert.notEqual(status, states[i], `${states}`));
        await close(a);
    } finally {
        await quick.stop();
    }
});

test('only a session that asks is told, until it does so no more', async () => {
    const [ann, bob, carl] = await newUsers(3);
    await createChat(ann, bob, carl);
    const asking = await watch(ann);
    const silent = await connect(server, ann);
    const other = await connect(server, ann, { subscribeHeaders: { presence: 'false' } });
    const b = await connect(server, bob);
    await asking.next(presenceOf(bob, 'ONLINE'));
    await asking.unsubscribe();
    await asking.subscribe({});
    const c = await connect(server, carl);
    await later(SLACK);
    assert.equal(presences(asking).length, 1);
    assert.equal(presences(silent).length + presences(other).length, 0);
    await asking.unsubscribe();
    await asking.subscribe({ presence: 'true' });
    await asking.next(presenceOf(bob, 'ONLINE'));
    await asking.next(presenceOf(carl, 'ONLINE'));
    await close(asking, silent, other, b, c);
});

test('a new chat and a new member bring presence, once; who has left is heard of no more', async () => {
    const [ann, bob, carl, dora] = await newUsers(4);
    const a = await watch(ann);
    const others = await Promise.all([bob, carl, dora].map((user) => connect(server, user)));
    const { chatId } = await createChat(bob, carl, ann);
    expectPresence(a, await a.next(presenceOf(bob)), bob, 'ONLINE');
    expectPresence(a, await a.next(presenceOf(carl)), carl, 'ONLINE');
    await createChat(ann, bob); // known already
    expectStatus(await api(carl, 'POST', '/api/chat/addUser', { chatId, newUsername: dora.username }), 200);
    expectPresence(a, await a.next(presenceOf(dora)), dora, 'ONLINE');
    await later(SLACK);
    assert.equal(presences(a).length, 3);

    expectStatus(await api(bob, 'POST', '/api/chat/removeUser', { chatId, removeUser: dora.id }), 200);
    await a.next({ type: 'USER_LEAVE', chatId });
    await close(...others);
    await a.next(presenceOf(bob, 'OFFLINE'));
    await a.next(presenceOf(carl, 'OFFLINE'));
    await later(SLACK);
    assert.equal(presences(a).filter(({ userId }) => userId === dora.id).length, 1);

    const b = await connect(server, bob);
    await a.next(presenceOf(bob, 'ONLINE')); // by the other chat
    expectStatus(await api(ann, 'POST', '/api/chat/removeUser', { chatId, removeUser: ann.id }), 200);
    const c = await connect(server, carl);
    await later(INTERVAL + SLACK);
    assert.equal(presences(a).filter(({ userId }) => userId === carl.id).length, 2);
    await close(a, b, c);
});

test('a deleted chat and a deleted user have no presence', async () => {
    const [ann, bob, carl] = await newUsers(3);
    const { chatId } = await createChat(ann, bob);
    await createChat(ann, carl);
    const a = await watch(ann);
    const [b, c] = [await connect(server, bob), await connect(server, carl)];
    await a.next(presenceOf(bob, 'ONLINE'));
    await a.next(presenceOf(carl, 'ONLINE'));
    expectStatus(await api(ann, 'DELETE', `/api/chat/deleteChat?chatId=${chatId}`), 200);
    await a.next({ type: 'DELETE_CHAT', chatId });
    expectStatus(await api(carl, 'DELETE', '/api/user/deleteUser'), 200);
    await Promise.all([b.close(), c.whenClosed()]);
    await later(AWAY + INTERVAL + SLACK);
    assert.equal(presences(a).length, 2);
    await close(a);
});

test('in a crowd there is no presence; it begins when the chat is small enough', async () => {
    const small = await startServer({
        args: [...FREE, '--presence-members', '3', '--presence-away', '100ms',
               '--presence-interval', '100ms'],
    });
    try {
        const { app } = await createTenant(small);
        const [ann, bob, carl, dora] = await newUsers(4, app);
        const { chatId } = await createChat(ann, bob, carl, dora);
        const a = await watch(ann);
        const b = await connect(small, bob);
        await later(SLACK);
        assert.equal(presences(a).length, 0);
        const remove = { chatId, removeUser: dora.id };
        expectStatus(await api(ann, 'POST', '/api/chat/removeUser', remove), 200);
        expectPresence(a, await a.next(presenceOf(bob)), bob, 'ONLINE');
        expectStatus(await api(ann, 'POST', '/api/chat/addUser', { chatId, newUsername: dora.username }), 200);
        await a.next({ type: 'USER_JOIN', chatId });
        await b.close();
        await later(SLACK);
        assert.equal(presences(a).length, 1);
        await close(a);
    } finally {
        await small.stop();
    }
});

test('nothing of it is seen in another app', async () => {
    const other = await createTenant(server);
    const [ann, bob] = await newUsers(2);
    const names = [ann.username, bob.username];
    const theirs = await Promise.all(names.map((name) => createUser(other.app, name)));
    const [mine, foreign] = [await createChat(ann, bob), await createChat(...theirs)];
    const [a, x] = [await watch(ann), await watch(theirs[0])];
    const b = await connect(server, bob);
    await a.next(presenceOf(bob, 'ONLINE'));
    assert.equal((await memberOf(theirs[0], foreign.chatId, theirs[1])).online, false);
    assert.equal((await memberOf(ann, mine.chatId, bob)).online, true);
    await b.close();
    await a.next(presenceOf(bob, 'OFFLINE'));
    assert.equal((await memberOf(theirs[0], foreign.chatId, theirs[1])).lastSeenAt, null);
    assert.equal(presences(x).length, 0);
    await close(a, x);
});

test('it is no event of the log: no seq, no position, and its id is a good cursor', async () => {
    const [ann, bob] = await newUsers(2);
    const { chatId } = await createChat(ann, bob);
    const a = await watch(ann);
    const b = await connect(server, bob);
    const first = await b.post(chatId);
    const event = await a.next(presenceOf(bob));
    const { headers } = a.frames.find((frame) => frame.event === event);
    const second = await b.post(chatId);
    assert.equal(second.seq, first.seq + 1);
    await a.next({ type: 'SEND_MSG', messageId: second.messageId });
    await a.drop();
    const missed = await b.post(chatId);
    const back = await watch(ann, { subscribeHeaders: { 'last-event-id': headers['message-id'] } });
    await back.next({ type: 'SEND_MSG', messageId: missed.messageId });
    assert.equal((await back.next('RESUMED')).complete, true);
    expectPresence(back, await back.next(presenceOf(bob)), bob, 'ONLINE');
    const types = back.events.map(({ type }) => type);
    assert.ok(types.indexOf('RESUMED') < types.indexOf('PRESENCE'), `${types}`);
    const sync = await api(ann, 'GET', `/api/sync?cursor=${headers['message-id']}`);
    assert.ok(expectStatus(sync, 200).body.events.every(({ type }) => type !== 'PRESENCE'));
    await close(back, b);
});

test('lastSeenAt outlives a restart, and a crash', async () => {
    const mortal = await startServer({
        args: [...FREE, '--presence-away', '300ms', '--presence-interval', '100ms'],
    });
    try {
        const { app } = await createTenant(mortal);
        const [ann, bob, carl] = await newUsers(3, app);
        const { chatId } = await createChat(ann, bob, carl);
        const a = await watch(ann);
        const [b, came] = [await connect(mortal, bob), Date.now()];
        await (await connect(mortal, carl)).close();
        await a.next(presenceOf(bob, 'ONLINE'));
        const { lastSeenAt } = await a.next(presenceOf(carl, 'OFFLINE'));
        await mortal.kill9();
        const died = Date.now();
        await Promise.all([a.closed, b.closed]);
        await mortal.restart();
        const [user, other] = [await memberOf(ann, chatId, bob), await memberOf(ann, chatId, carl)];
        assert.deepEqual([user.online, other.online, other.lastSeenAt], [false, false, lastSeenAt]);
        const seen = Date.parse(user.lastSeenAt);
        assert.ok(seen >= came - 1000 && seen <= died, `${user.lastSeenAt}`);
        await connect(mortal, bob);
        await eventually('it is there again', async () => (await memberOf(ann, chatId, bob)).online);
        await mortal.restart();
        const last = await memberOf(ann, chatId, bob);
        assert.equal(last.online, false);
        assert.ok(Date.parse(last.lastSeenAt) >= died, `${last.lastSeenAt}`);
    } finally {
        await mortal.stop();
    }
});

describe('a chat of 200', () => {
    const SIZE = 200;
    let calm;
    let users;
    let app;
    before(async () => {
        calm = await startServer({ args: FREE }); // 10 s and 5 s, as they are
        ({ app } = await createTenant(calm));
        users = await newUsers(SIZE % 10 || 10, app);
        while (users.length < SIZE) {
            users.push(...await Promise.all(Array.from({ length: 10 }, () => createUser(app, unique('u')))));
        }
        await createChat(...users);
    });
    after(() => calm.stop());

    test('stays quiet while all others lose their network and come back', async () => {
        const [ann, ...others] = users;
        const many = async (list, each) => {
            const out = [];
            for (let i = 0; i < list.length; i += 20) {
                out.push(...await Promise.all(list.slice(i, i + 20).map(each)));
            }
            return out;
        };
        let sessions = await many(others, (user) => connect(calm, user));
        const a = await watch(ann);
        await eventually('all are there', () => presences(a).length >= others.length);
        await later(500);
        assert.equal(presences(a).length, others.length, 'the present state: one each');

        await Promise.all(sessions.map((session) => session.drop()));
        const dropped = Date.now();
        sessions = await many(others, (user, i) => (i < 5 ? watch(user) : connect(calm, user)));
        assert.ok(Date.now() - dropped < 10_000, 'too slow for this test to say anything');
        await later(12_000 - (Date.now() - dropped));
        assert.equal(presences(a).length - others.length, 0, 'PRESENCE events for the reconnecting');
        for (const session of sessions.filter(({ options }) => options.subscribeHeaders)) {
            const told = presences(session);
            assert.equal(told.length, SIZE - 1, 'its own present state');
            assert.ok(told.every(({ status }) => status === 'ONLINE'));
        }
        await Promise.all([a, ...sessions].map((session) => session.drop()));
    });
});
