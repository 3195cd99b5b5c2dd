// Coming back with the last event id seen: what was missed, in order, then RESUMED; or RESYNC. Over
// STOMP and over GET /api/sync, which give the same.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
    api, createChat, createTenant, createUser, expectError, expectStatus, startServer, TIME,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const server = await startServer({ args: ['--request-rate', 'off', '--message-rate', 'off'] });
after(() => server.stop());

/** The message-id of the frame that brought the event. */
function idOf(session, event) {
    return session.frames.find((frame) => frame.event === event).headers['message-id'];
}

/** A session that resumes from a cursor: {session, replayed (without RESUMED), complete, cursor}. */
async function resume(user, cursor, on = server) {
    const session = await connect(on, user, { subscribeHeaders: { 'last-event-id': cursor } });
    const resumed = await session.next('RESUMED');
    assert.deepEqual(Object.keys(resumed), ['type', 'complete']);
    const end = session.events.indexOf(resumed);
    const replayed = session.events.slice(0, end);
    session.forget();
    return { session, replayed, complete: resumed.complete, cursor: idOf(session, resumed) };
}

/** All pages of GET /api/sync from a cursor on. */
async function sync(user, cursor, limit) {
    const events = [];
    for (;;) {
        const query = new URLSearchParams({ cursor, ...(limit && { limit }) });
        const { body } = expectStatus(await api(user, 'GET', `/api/sync?${query}`), 200);
        assert.deepEqual(Object.keys(body), ['events', 'cursor', 'complete', 'hasMore']);
        assert.match(body.cursor, /^[A-Za-z0-9_-]{1,40}$/);
        events.push(...body.events);
        if (!body.hasMore) {
            return { events, cursor: body.cursor, complete: body.complete };
        }
        assert.ok(body.events.length <= (limit ?? 100));
        cursor = body.cursor;
    }
}

/** Both give the same; resolves with it. */
async function missed(user, cursor) {
    const { session, replayed, complete } = await resume(user, cursor);
    await session.drop();
    for (const limit of [1, 2, undefined]) {
        const rest = await sync(user, cursor, limit);
        assert.deepEqual(rest.events, replayed);
        assert.equal(rest.complete, complete);
    }
    return { replayed, complete };
}

const types = (events) => events.map(({ type }) => type);

/** A tenant with a chat of Ann and Bob in which Bob has seen one message and gone. */
async function scene(...others) {
    const { app, users: [ann, bob, ...more] } = await createTenant(server, 'ann', 'bob', ...others);
    const { chatId } = await createChat(ann, bob);
    const at = await connect(server, ann);
    const away = await connect(server, bob);
    await at.post(chatId, 'before');
    const seen = await away.next({ message: 'before' });
    const cursor = idOf(away, seen);
    await away.drop();
    return { app, ann, bob, more, chatId, at, cursor, seen };
}

test('events missed come as they would have come, then RESUMED', async () => {
    const { bob, chatId, at, cursor } = await scene();
    const sent = await at.post(chatId, 'one');
    await at.send({ type: 'REPLY', chatId, messageId: sent.messageId, message: 'two' });
    await at.send({ type: 'REACT', chatId, messageId: sent.messageId, reaction: '+1' });
    const reaction = await at.next('REACT');
    await at.send({ type: 'DELETE_REACT', reactionId: reaction.messageId });
    await at.send({ type: 'TYPING', chatId });
    await at.post(chatId, 'three');
    const { replayed, complete } = await missed(bob, cursor);
    assert.equal(complete, true);
    const live = at.events.slice(at.events.findIndex(({ message }) => message === 'one'))
        .filter(({ seq }) => seq)
        .map((event) => ({ ...event, recipientId: bob.id }));
    assert.deepEqual(replayed.filter(({ type }) => type !== 'REACT'),
                     live.filter(({ type }) => type !== 'REACT'));
    // A reaction that was taken back since is not shown again.
    const { message, deleted, ...rest } = replayed.find(({ type }) => type === 'REACT');
    assert.equal(message, '');
    assert.equal(deleted, true);
    const { message: was, ...live2 } = live.find(({ type }) => type === 'REACT');
    assert.equal(was, '+1');
    assert.deepEqual(rest, live2);
    await at.drop();
});

test('with nothing missed only RESUMED comes, and the session goes on', async () => {
    const { bob, chatId, at, cursor } = await scene();
    const back = await resume(bob, cursor);
    assert.deepEqual(back.replayed, []);
    assert.equal(back.complete, true);
    await at.post(chatId, 'after');
    await back.session.next({ message: 'after' });
    await back.session.drop();
    await at.post(chatId, 'later');
    const again = await resume(bob, back.cursor); // RESUMED's own id is a good cursor
    assert.deepEqual(again.replayed.map(({ message }) => message), ['after', 'later']);
    await again.session.drop();
    await at.drop();
});

test('a deleted message is empty, an edited one as it is now', async () => {
    const { bob, chatId, at, cursor } = await scene();
    const gone = await at.post(chatId, 'secret');
    const kept = await at.post(chatId, 'first');
    await at.send({ type: 'EDIT_MSG', chatId, messageId: gone.messageId, message: 'secret 2' });
    await at.send({ type: 'EDIT_MSG', chatId, messageId: kept.messageId, message: 'second' });
    await at.send({ type: 'DELETE_MSG', chatId, messageId: gone.messageId });
    await at.next('DELETE_MSG');
    const { replayed } = await missed(bob, cursor);
    assert.deepEqual(types(replayed),
                     ['SEND_MSG', 'SEND_MSG', 'EDIT_MSG', 'EDIT_MSG', 'DELETE_MSG']);
    assert.deepEqual(replayed[0], {
        type: 'SEND_MSG', timeStamp: gone.timeStamp, chatId, message: '', deleted: true,
        messageId: gone.messageId, recipientId: bob.id, senderId: gone.senderId,
        eventId: gone.eventId, seq: gone.seq,
    });
    assert.deepEqual(replayed[1], { ...kept, message: 'second', recipientId: bob.id });
    assert.equal(replayed[2].message, '');
    assert.equal(replayed[2].deleted, true);
    assert.equal(replayed[3].message, 'second');
    assert.match(replayed[3].editedAt, TIME);
    assert.ok(!JSON.stringify(replayed).includes('secret'));
    await at.drop();
});

test('a time of membership is there from its first event to its last, nothing outside', async () => {
    const { ann, more: [cleo], chatId, at } = await scene('cleo');
    const device = await connect(server, cleo);
    const own = await createChat(cleo, ann);
    await device.post(own.chatId, 'seen');
    const cursor = idOf(device, device.events.at(-1));
    await device.drop();
    await at.post(chatId, 'before');
    expectStatus(await api(ann, 'POST', '/api/chat/addUser',
                           { chatId, newUsername: cleo.username }), 200);
    await at.post(chatId, 'within');
    expectStatus(await api(ann, 'POST', '/api/chat/removeUser',
                           { chatId, removeUser: cleo.id }), 200);
    await at.post(chatId, 'without');
    expectStatus(await api(cleo, 'DELETE', `/api/chat/deleteChat?chatId=${own.chatId}`), 200);
    const fresh = await createChat(ann, cleo);
    await at.post(fresh.chatId, 'new');
    const { replayed, complete } = await missed(cleo, cursor);
    assert.equal(complete, true);
    assert.deepEqual(replayed.map(({ type, chatId: id, message }) => [type, id, message]), [
        ['USER_JOIN', chatId, cleo.id],
        ['SEND_MSG', chatId, 'within'],
        ['USER_LEAVE', chatId, `${cleo.username} left the Chat`],
        ['DELETE_CHAT', own.chatId, undefined],
        ['NEW_CHAT', fresh.chatId, fresh.chatName],
        ['SEND_MSG', fresh.chatId, 'new'],
    ]);
    assert.equal(replayed[0].username, cleo.username);
    await at.drop();
});

test('a member who joined and whose account was deleted since has a name that says so', async () => {
    const { app, ann, bob, chatId, at, cursor } = await scene();
    const dora = await createUser(app);
    expectStatus(await api(ann, 'POST', '/api/chat/addUser', { chatId, newUsername: dora.username }), 200);
    expectStatus(await api(dora, 'DELETE', '/api/user/deleteUser'), 200);
    await at.next('USER_LEAVE');
    const { replayed } = await missed(bob, cursor);
    assert.deepEqual(replayed.map(({ type }) => type), ['USER_JOIN', 'USER_LEAVE']);
    const [{ username, message, senderId }] = replayed;
    assert.deepEqual({ username, message, senderId }, { username: 'A user', message: dora.id, senderId: ann.id });
    await at.drop();
});

test('the id of an unstored event is a good cursor', async () => {
    const { bob, chatId, at } = await scene();
    const device = await connect(server, bob);
    await at.send({ type: 'TYPING', chatId });
    const typing = await device.next('TYPING');
    await device.drop();
    await at.post(chatId, 'missed');
    const { replayed, complete } = await missed(bob, idOf(device, typing));
    assert.equal(complete, true);
    assert.deepEqual(replayed.map(({ message }) => message), ['missed']);
    await at.drop();
});

test('the id of an ERROR event is a good cursor', async () => {
    const { bob, chatId, at } = await scene();
    const device = await connect(server, bob);
    const error = await device.refused({ type: 'SEND_MSG', chatId, message: '' });
    await device.drop();
    await at.post(chatId, 'missed');
    const frame = device.frames.find(({ event }) => event.type === 'ERROR');
    assert.deepEqual(frame.event, error);
    const { replayed, complete } = await missed(bob, frame.headers['message-id']);
    assert.equal(complete, true);
    assert.deepEqual(replayed.map(({ message }) => message), ['missed']);
    await at.drop();
});

test('read marks that moved come once each, after the events', async () => {
    const { ann, bob, chatId, at, cursor } = await scene();
    const one = await at.post(chatId, 'one');
    await at.send({ type: 'READ_MSG', chatId, messageId: one.messageId });
    const two = await at.post(chatId, 'two');
    await at.send({ type: 'READ_MSG', chatId, messageId: two.messageId });
    const { replayed } = await missed(bob, cursor);
    assert.deepEqual(types(replayed), ['SEND_MSG', 'SEND_MSG', 'READ_MSG']);
    assert.deepEqual(replayed[2], {
        type: 'READ_MSG', chatId, messageId: two.messageId, recipientId: bob.id, senderId: ann.id,
    });
    const { cursor: end } = await sync(bob, cursor);
    assert.deepEqual((await sync(bob, end)).events, [], 'a mark that is known came again');
    await at.drop();
});

describe('RESYNC', () => {
    const cursors = ['', 'garbage', 'n5', 'effffff', 'uffffff-1', 'sffffff-1', 'e', 'x'.repeat(500),
                     '01890000-0000-7000-8000-000000000000'];
    test('of all chats for an id that is none', async () => {
        const { ann, bob, chatId, at } = await scene();
        const other = await createChat(ann, bob);
        for (const cursor of cursors) {
            const { session, replayed, complete, cursor: end } = await resume(bob, cursor);
            assert.equal(complete, false, cursor);
            assert.deepEqual(replayed, [{ type: 'RESYNC', chats: [chatId, other.chatId] }]);
            await at.post(chatId, 'after');
            await session.next({ message: 'after' }); // the session lives
            await session.drop();
            assert.deepEqual((await resume(bob, end)).replayed.map(({ message }) => message),
                             ['after']);
            if (cursor) {
                const rest = await sync(bob, cursor);
                assert.equal(rest.complete, false);
                assert.deepEqual(rest.events, replayed);
                assert.deepEqual((await sync(bob, rest.cursor)).events, []);
            }
        }
        await at.drop();
    });

    test('names none when there are no chats', async () => {
        const { users: [ann] } = await createTenant(server, 'ann');
        const { session, replayed, complete } = await resume(ann, 'garbage');
        assert.deepEqual(replayed, [{ type: 'RESYNC', chats: [] }]);
        assert.equal(complete, false);
        await session.drop();
    });

    test('of the chats with news when there is too much', async () => {
        const small = await startServer({ args: ['--resume-events', '10'] });
        try {
            const { users: [ann, bob] } = await createTenant(small, 'ann', 'bob');
            const { chatId } = await createChat(ann, bob);
            await createChat(ann, bob);
            const at = await connect(small, ann);
            const first = await at.post(chatId);
            for (let i = 0; i < 10; i++) {
                await at.post(chatId);
            }
            const just = await resume(bob, first.eventId, small);
            assert.equal(just.complete, true);
            assert.equal(just.replayed.length, 10);
            await just.session.drop();
            await at.post(chatId);
            const { session, replayed, complete } = await resume(bob, first.eventId, small);
            assert.equal(complete, false);
            assert.deepEqual(replayed, [{ type: 'RESYNC', chats: [chatId] }]);
            await session.drop();
            await at.drop();
        } finally {
            await small.stop();
        }
    });

    test('when the log no longer reaches back', async () => {
        const brief = await startServer({ args: ['--retention', '1s'] });
        try {
            const { users: [ann, bob] } = await createTenant(brief, 'ann', 'bob');
            const { chatId } = await createChat(ann, bob);
            const at = await connect(brief, ann);
            const first = await at.post(chatId);
            expectStatus(await api(ann, 'POST', '/api/chat/changeName',
                                   { chatId, newChatName: 'renamed' }), 200);
            const renamed = await at.next('CHAT_RENAMED');
            await at.post(chatId, 'kept');
            let complete = true;
            for (let tries = 0; complete && tries < 200; tries++) { // the sweep comes by and by
                complete = (await sync(bob, first.eventId)).complete;
                await new Promise((done) => setTimeout(done, 100));
            }
            assert.equal(complete, false);
            const old = await resume(bob, first.eventId, brief);
            assert.deepEqual(old.replayed, [{ type: 'RESYNC', chats: [chatId] }]);
            assert.equal(old.complete, false);
            const edge = await resume(bob, renamed.eventId, brief);
            assert.equal(edge.complete, true);
            assert.deepEqual(edge.replayed.map(({ message }) => message), ['kept']);
            await Promise.all([old, edge].map(({ session }) => session.drop()));
            await at.drop();
        } finally {
            await brief.stop();
        }
    });
});

test('more than a few pages come whole, also to a second device while the first is live', async () => {
    const { ann, bob, chatId, at, cursor, seen } = await scene();
    const other = await createChat(ann, bob);
    const live = await connect(server, bob);
    const filler = 'x'.repeat(3000);
    const wanted = [];
    for (let i = 0; i < 600; i += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, k) => at.send({
            type: 'SEND_MSG', chatId: k % 3 ? chatId : other.chatId, message: `${i + k} ${filler}`,
        })));
    }
    await at.send({ type: 'SEND_MSG', chatId, message: 'the end' });
    await live.next({ message: 'the end' });
    wanted.push(...live.events.map(({ eventId }) => eventId));
    const { session, replayed, complete } = await resume(bob, cursor);
    assert.equal(complete, true);
    const ids = replayed.filter(({ seq }) => seq).map(({ eventId }) => eventId);
    assert.deepEqual(ids.slice(-wanted.length), wanted);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(!ids.includes(seen.eventId));
    const rest = await sync(bob, cursor, 500);
    assert.deepEqual(rest.events, replayed);
    await Promise.all([session, live, at].map((each) => each.drop()));
});

test('after UNSUBSCRIBE, by a new SUBSCRIBE of the same session', async () => {
    const { bob, chatId, at, cursor } = await scene();
    await at.post(chatId, 'missed');
    const { session } = await resume(bob, cursor);
    await session.unsubscribe();
    await at.post(chatId, 'unheard');
    await session.subscribe({ 'last-event-id': cursor });
    assert.deepEqual((await session.next('RESUMED')).complete, true);
    assert.equal(session.events.filter(({ message }) => message === 'unheard').length, 1);
    await at.post(chatId, 'after');
    await session.next({ message: 'after' });
    await Promise.all([session, at].map((each) => each.drop()));
});

describe('GET /api/sync', () => {
    let world;
    before(async () => { world = await scene(); });
    after(() => world.at.drop());

    test('without a cursor begins now', async () => {
        const { bob, chatId, at } = world;
        const { body } = expectStatus(await api(bob, 'GET', '/api/sync'), 200);
        assert.deepEqual({ ...body, cursor: '' },
                         { events: [], cursor: '', complete: true, hasMore: false });
        await at.post(chatId, 'now');
        const { events } = await sync(bob, body.cursor);
        assert.deepEqual(events.map(({ message, recipientId }) => [message, recipientId]),
                         [['now', bob.id]]);
        const { session, replayed } = await resume(bob, body.cursor); // and over STOMP
        assert.deepEqual(replayed, events);
        await session.drop();
    });

    test('a limit is 1 to 500', async () => {
        for (const limit of ['0', '501', '-1', 'x', '1.5']) {
            const res = await api(world.bob, 'GET', `/api/sync?cursor=e1&limit=${limit}`);
            assert.match(expectError(res, 400).message, /limit/);
        }
        expectStatus(await api(world.bob, 'GET', '/api/sync?cursor=e1&limit=500'), 200);
    });

    test('shows no one else anything', async () => {
        const { users: [stranger] } = await createTenant(server, 'stranger');
        const epoch = world.cursor.split('-').at(-1);
        for (const cursor of [`e1-${epoch}`, `u0-1-${epoch}`, world.cursor, `s0-0-${epoch}`]) {
            const { events } = await sync(stranger, cursor);
            assert.deepEqual(events, []);
        }
    });
});
