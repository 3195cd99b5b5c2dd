// Cursors at awkward moments: a transaction that is committed into a replay, a kill while a read mark is
// held back, a replay that reaches back over a restart and is cut.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createChat, createTenant, startServer, unique } from './harness.mjs';
import { connect, rawSocket } from './realtime.mjs';

const QUEUE = '/user/queue/messages';

let server, ann, bob, cleo;
before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'] });
    ({ users: [ann, bob, cleo] } = await createTenant(server, 'ann', 'bob', 'cleo'));
});
after(() => server?.stop());

/** The id of the last frame that a session got. */
const lastId = (session) => session.frames.at(-1).headers['message-id'];

async function connected(user) {
    const socket = await rawSocket(server, user);
    socket.send('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${user.jwt}` });
    await socket.next('CONNECTED');
    return socket;
}

/** All that comes up to RESUMED: [{id, event}], RESUMED the last. */
async function replayed(socket) {
    const all = [];
    do {
        const frame = await socket.next('MESSAGE');
        all.push({ id: frame.headers['message-id'], event: JSON.parse(frame.body) });
    } while (all.at(-1).event.type !== 'RESUMED');
    return all;
}

async function resume(user, cursor) {
    const socket = await connected(user);
    socket.send('SUBSCRIBE', { id: '0', destination: QUEUE, 'last-event-id': cursor });
    const all = await replayed(socket);
    await socket.close();
    assert.equal(all.at(-1).event.complete, true);
    return all.slice(0, -1);
}

test('a transaction that was begun before a resume is applied after its replay', async () => {
    const { chatId } = await createChat(ann, bob);
    const [anns, bobs] = [await connect(server, ann), await connect(server, bob)];
    const retry = { type: 'SEND_MSG', chatId, message: 'unanswered', clientMessageId: unique('retry') };
    await bobs.send(retry);
    await bobs.next({ message: 'unanswered' });
    const cursor = lastId(bobs);
    await bobs.close();
    const texts = Array.from({ length: 2000 }, (_, i) => `missed ${i}`);
    await Promise.all(texts.map((message) => anns.send({ type: 'SEND_MSG', chatId, message })));

    const socket = await connected(bob);
    socket.send('BEGIN', { transaction: 't' });
    socket.send('SEND', { destination: '/api/chat', transaction: 't' }, JSON.stringify(retry));
    socket.send('SEND', { destination: '/api/chat', transaction: 't' }, // refused with an ERROR event
                JSON.stringify({ ...retry, message: '', clientMessageId: unique('bad') }));
    socket.send('SUBSCRIBE', { id: '0', destination: QUEUE, 'last-event-id': cursor });
    socket.send('COMMIT', { transaction: 't', receipt: 'committed' });
    const all = await replayed(socket);
    assert.deepEqual(all.map(({ event }) => event.message ?? event.type), [...texts, 'RESUMED']);
    const after = [];
    while (after.length < 2) {
        after.push(JSON.parse((await socket.next('MESSAGE')).body));
    }
    assert.deepEqual(after.map(({ type }) => type).sort(), ['ERROR', 'SEND_MSG']);
    await socket.next((frame) => frame.headers['receipt-id'] === 'committed');
    await Promise.all([socket.close(), anns.close()]);
});

test('a read mark that a kill kept from going out comes to one who resumes', async () => {
    const { chatId } = await createChat(ann, bob);
    const [anns, bobs] = [await connect(server, ann), await connect(server, bob)];
    const ids = [(await bobs.post(chatId)).messageId, (await bobs.post(chatId)).messageId];
    await anns.send({ type: 'READ_MSG', chatId, messageId: ids[0] });
    await bobs.next({ type: 'READ_MSG', messageId: ids[0] });
    await anns.send({ type: 'READ_MSG', chatId, messageId: ids[1] }); // on disk, and held back
    await anns.post(chatId, 'overtakes it');
    await bobs.next({ message: 'overtakes it' });
    const cursor = bobs.frames.findLast(({ event }) => event.message === 'overtakes it')
        .headers['message-id'];
    const held = !bobs.events.some(({ type, messageId }) => type === 'READ_MSG' && messageId === ids[1]);
    await server.kill9();
    await server.start();
    const marks = (await resume(bob, cursor)).map(({ event }) => event)
        .filter(({ type }) => type === 'READ_MSG');
    assert.ok(!held || marks.some(({ messageId }) => messageId === ids[1]), 'the mark is missing');
});

test('a replay that reaches back over a restart can be cut anywhere', async () => {
    const { chatId } = await createChat(ann, bob, cleo);
    let [anns, bobs, cleos] = await Promise.all([ann, bob, cleo].map((user) => connect(server, user)));
    await bobs.post(chatId, 'first');
    const cursor = lastId(bobs);
    await bobs.close();
    const { messageId } = await anns.post(chatId, 'to be read');
    await anns.send({ type: 'READ_MSG', chatId, messageId });
    await anns.post(chatId, 'between');
    await cleos.send({ type: 'READ_MSG', chatId, messageId });
    await anns.post(chatId, 'last before');
    await Promise.all([anns.drop(), cleos.drop()]);
    await server.kill9();
    await server.start();
    anns = await connect(server, ann);
    await anns.post(chatId, 'first after');
    await anns.close();

    const key = ({ event }) => event.eventId ?? `mark of ${event.senderId}`;
    const whole = await resume(bob, cursor);
    const wanted = whole.map(key);
    assert.deepEqual(whole.map(({ event }) => event.message ?? event.type),
                     ['to be read', 'READ_MSG', 'between', 'READ_MSG', 'last before', 'first after']);
    for (let cut = 1; cut <= whole.length; cut++) {
        const got = new Set([...whole.slice(0, cut), ...await resume(bob, whole[cut - 1].id)].map(key));
        assert.deepEqual(wanted.filter((one) => !got.has(one)), [], `cut after ${cut}`);
    }
});
