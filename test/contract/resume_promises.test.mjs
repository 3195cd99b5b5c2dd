// What a cursor promises, when something goes on beside it: a retry before the replay, a replay that is
// cut, much traffic of others, a log that is pruned, a store that was restored from a backup.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { api, createChat, createTenant, expectStatus, startServer, unique } from './harness.mjs';
import { connect, rawSocket } from './realtime.mjs';

const FREE = ['--message-rate', 'off', '--request-rate', 'off'];

let server, ann, bob, others;
before(async () => {
    server = await startServer({ args: FREE });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
    ({ users: others } = await createTenant(server, 'cleo', 'dan'));
});
after(() => server?.stop());

const idOf = (frame) => frame.headers['message-id'];

/** A connected socket that has written SUBSCRIBE with a cursor, and then what `then` writes. */
async function comeBack(user, cursor, then = () => {}, on = server) {
    const socket = await rawSocket(on, user);
    socket.send('CONNECT', { 'accept-version': '1.2', 'Authorization': `Bearer ${user.jwt}` });
    await socket.next('CONNECTED');
    socket.send('SUBSCRIBE', { id: '0', destination: '/user/queue/messages', ...(cursor && { 'last-event-id': cursor }) });
    then(socket);
    return socket;
}

/** All frames up to RESUMED, as [message-id, event]. */
async function replayOf(socket) {
    const frames = [];
    for (;;) {
        const frame = await socket.next('MESSAGE');
        const event = JSON.parse(frame.body);
        frames.push([idOf(frame), event]);
        if (event.type === 'RESUMED') {
            return { frames, complete: event.complete };
        }
    }
}

const eventsAfter = async (user, cursor, on = server) => {
    const socket = await comeBack(user, cursor, undefined, on);
    const replay = await replayOf(socket);
    await socket.close();
    return replay;
};

test('a retry that is sent at once after a resume comes after what was missed', async () => {
    const { chatId } = await createChat(ann, bob);
    const [anns, bobs] = [await connect(server, ann), await connect(server, bob)];
    const clientMessageId = unique('retry');
    await bobs.send({ type: 'SEND_MSG', chatId, message: 'unanswered', clientMessageId });
    await bobs.next({ message: 'unanswered' });
    const cursor = idOf(bobs.frames.at(-1));
    await bobs.close();
    for (let i = 0; i < 300; i++) {
        await anns.post(chatId, `missed ${i}`);
    }
    const socket = await comeBack(bob, cursor, (it) => it.send('SEND', { destination: '/api/chat', receipt: 'r' },
        JSON.stringify({ type: 'SEND_MSG', chatId, message: 'unanswered', clientMessageId })));
    const { frames, complete } = await replayOf(socket);
    assert.equal(complete, true);
    const missed = frames.filter(([, { message }]) => message?.startsWith('missed'));
    assert.equal(missed.length, 300);
    assert.ok(frames.every(([, { clientMessageId: id }]) => id !== clientMessageId), 'nothing of the retry before RESUMED');
    await socket.next((frame) => frame.headers['receipt-id'] === 'r');
    await socket.close();
    await anns.close();
});

test('each id within a replay is a good cursor, for read marks too', async () => {
    const { chatId } = await createChat(ann, bob);
    const [anns, bobs] = [await connect(server, ann), await connect(server, bob)];
    await bobs.post(chatId, 'first');
    const cursor = idOf(bobs.frames.at(-1));
    await bobs.close();
    for (let i = 0; i < 5; i++) {
        await anns.post(chatId, `m${i}`);
    }
    const messageId = anns.events.findLast(({ message }) => message === 'm2').messageId;
    await anns.send({ type: 'READ_MSG', chatId, messageId });
    for (let i = 5; i < 10; i++) {
        await anns.post(chatId, `m${i}`);
    }
    const whole = (await eventsAfter(bob, cursor)).frames;
    const mark = ([, event]) => event.type === 'READ_MSG' && event.messageId === messageId;
    assert.equal(whole.filter(mark).length, 1);
    for (let cut = 0; cut < whole.length - 1; cut++) {
        const { frames, complete } = await eventsAfter(bob, whole[cut][0]);
        assert.equal(complete, true);
        const got = new Set([...whole.slice(0, cut + 1), ...frames].map(([, { eventId }]) => eventId));
        assert.ok(whole.every(([, { eventId }]) => got.has(eventId)), `cut after ${cut}: an event is missing`);
        assert.ok(whole.slice(0, cut + 1).some(mark) || frames.some(mark), `cut after ${cut}: the mark is missing`);
    }
    await anns.close();
});

test('a read mark that was held back comes to one who was cut, whatever other apps did', async () => {
    const { chatId } = await createChat(ann, bob);
    const [anns, bobs] = [await connect(server, ann), await connect(server, bob)];
    const busy = await connect(server, others[0]);
    const theirs = (await createChat(...others)).chatId;
    const ids = [];
    for (const message of ['one', 'two']) {
        await bobs.post(chatId, message);
        ids.push((await anns.next({ message })).messageId);
    }
    await anns.send({ type: 'READ_MSG', chatId, messageId: ids[0] });
    await bobs.next({ type: 'READ_MSG', messageId: ids[0] });
    await anns.send({ type: 'READ_MSG', chatId, messageId: ids[1] }); /* within its second: held back */
    await Promise.all(Array.from({ length: 1200 }, (_, i) => busy.send({ type: 'SEND_MSG', chatId: theirs, message: `${i}` })));
    await anns.post(chatId, 'overtakes it');
    await bobs.next({ message: 'overtakes it' });
    const held = !bobs.events.some(({ type, messageId }) => type === 'READ_MSG' && messageId === ids[1]);
    const cursor = idOf(bobs.frames[bobs.events.findLastIndex(({ message }) => message === 'overtakes it')]);
    await bobs.close();
    const { frames, complete } = await eventsAfter(bob, cursor);
    assert.equal(complete, true);
    if (held) {
        assert.ok(frames.some(([, { type, messageId }]) => type === 'READ_MSG' && messageId === ids[1]), 'the mark is missing');
    }
    await Promise.all([anns.close(), busy.close()]);
});

test('the messages of a chat that is deleted come as tombstones, without a gap', async () => {
    const { chatId } = await createChat(ann, bob);
    const [anns, bobs] = [await connect(server, ann), await connect(server, bob)];
    await bobs.post(chatId, 'seen');
    const cursor = idOf(bobs.frames.at(-1));
    await bobs.close();
    for (let i = 0; i < 10; i++) {
        await anns.post(chatId, `secret ${i}`);
    }
    expectStatus(await api(ann, 'DELETE', `/api/chat/deleteChat?chatId=${chatId}`), 200);
    for (let round = 0; round < 3; round++) { /* before, while and after the texts are removed */
        const { frames, complete } = await eventsAfter(bob, cursor);
        assert.equal(complete, true);
        const events = frames.map(([, event]) => event).filter((event) => event.chatId === chatId);
        const seqs = events.map(({ seq }) => seq);
        assert.deepEqual(seqs, Array.from({ length: 11 }, (_, i) => seqs[0] + i));
        assert.equal(events.at(-1).type, 'DELETE_CHAT');
        assert.ok(events.slice(0, -1).every(({ message, deleted }) => message === '' && deleted === true));
        await anns.post((await createChat(ann, bob)).chatId, 'time for the background');
    }
    await anns.close();
});

describe('between CONNECTED and SUBSCRIBE', () => {
    /** CONNECTED, then `meanwhile`, then SUBSCRIBE; the events that come until `last` is there. */
    async function late(user, meanwhile, last) {
        const socket = await rawSocket(server, user);
        socket.send('CONNECT', { 'accept-version': '1.2', 'Authorization': `Bearer ${user.jwt}` });
        await socket.next('CONNECTED');
        await meanwhile();
        socket.send('SUBSCRIBE', { id: '0', destination: '/user/queue/messages' });
        const events = [];
        do {
            events.push(JSON.parse((await socket.next('MESSAGE')).body));
        } while (!last(events.at(-1)));
        await socket.close();
        return events;
    }

    test('nothing is missed: messages, new chats, leaving', async () => {
        const { chatId } = await createChat(ann, bob);
        const anns = await connect(server, ann);
        let made;
        const events = await late(bob, async () => {
            await anns.post(chatId, 'between');
            made = (await createChat(ann, bob)).chatId;
            await anns.post(made, 'in the new one');
            expectStatus(await api(ann, 'POST', '/api/chat/removeUser', { chatId, removeUser: bob.id }), 200);
        }, ({ type }) => type === 'USER_LEAVE');
        const since = events.slice(events.findIndex(({ message }) => message === 'between')); // a little of before may come, too
        assert.deepEqual(since.map(({ type, chatId: id }) => [type, id]), [
            ['SEND_MSG', chatId], ['NEW_CHAT', made], ['SEND_MSG', made], ['USER_LEAVE', chatId]]);
        await anns.close();
    });

    test('not even when it is more than is held for it', async () => {
        const { chatId } = await createChat(ann, bob);
        const anns = await connect(server, ann);
        const wanted = Array.from({ length: 600 }, (_, i) => `m${i}`);
        const events = await late(bob, () => Promise.all(wanted.map((message) =>
            anns.send({ type: 'SEND_MSG', chatId, message }))), ({ message }) => message === 'm599');
        assert.deepEqual(events.filter(({ type }) => type === 'SEND_MSG').map(({ message }) => message), wanted);
        await anns.close();
    });
});

test('ids that were given out after a backup are found out by a store that was restored from it', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'whisp-restored-'));
    const first = await startServer({ args: FREE, dataDir });
    const backup = mkdtempSync(join(tmpdir(), 'whisp-backup-'));
    try {
        const { users: [eve, fay] } = await createTenant(first, 'eve', 'fay');
        const { chatId } = await createChat(eve, fay);
        let eves = await connect(first, eve);
        await eves.post(chatId, 'before the backup');
        const before = idOf(eves.frames.at(-1));
        await eves.close();
        await first.terminate();
        cpSync(dataDir, backup, { recursive: true });
        await first.start();
        eves = await connect(first, eve);
        await eves.post(chatId, 'after the backup');
        const later = idOf(eves.frames.at(-1));
        await eves.close();
        assert.equal((await eventsAfter(eve, before, first)).complete, true, 'a restart keeps cursors good');
        await first.kill9();
        rmSync(dataDir, { recursive: true });
        cpSync(backup, dataDir, { recursive: true });
        await first.start();
        eves = await connect(first, eve);
        for (let i = 0; i < 5; i++) {
            await eves.post(chatId, `in the new history ${i}`);
        }
        const anew = idOf(eves.frames.at(-1));
        assert.notEqual(anew, later, 'no id is given out twice');
        await eves.close();
        const lost = await eventsAfter(eve, later, first);
        assert.equal(lost.complete, false);
        assert.equal(lost.frames[0][1].type, 'RESYNC');
        const kept = await eventsAfter(eve, before, first);
        assert.equal(kept.complete, true);
        assert.equal(kept.frames.filter(([, { message }]) => message?.startsWith('in the new')).length, 5);
        const { body } = expectStatus(await api(eve, 'GET', `/api/sync?cursor=${later}`), 200);
        assert.equal(body.complete, false);
    } finally {
        await first.stop();
        rmSync(backup, { recursive: true, force: true });
    }
});
