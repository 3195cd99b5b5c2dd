// Two tenants on one server. Whatever one of them does, with its own ids or with stolen ones, the
// other one hears nothing of it and finds nothing changed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { api, createChat, createTenant, expectError, expectStatus, startServer } from './harness.mjs';
import { connect } from './realtime.mjs';
import { SHAPES } from './shapes.mjs';

let server;
const sides = []; // {account, app, users, sessions, chatId, messageId, reactionId}

before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'] });
    for (let i = 0; i < 2; i++) {
        // The same names on both sides: a name must not lead across.
        const side = await createTenant(server, 'ann', 'bob', 'cat');
        const [ann, bob] = side.users;
        side.sessions = await Promise.all(side.users.map((user) => connect(server, user)));
        ({ chatId: side.chatId } = await createChat(ann, bob));
        side.messageId = (await side.sessions[0].post(side.chatId, 'secret')).messageId;
        await side.sessions[0].send({
            type: 'REACT', chatId: side.chatId, messageId: side.messageId, reaction: '🤫',
        });
        side.reactionId = (await side.sessions[0].next('REACT')).messageId;
        sides.push(side);
    }
});

after(async () => {
    await Promise.all(sides.flatMap(({ sessions }) => sessions).map((session) => session.drop()));
    await server?.stop();
});

async function chatOf(side) {
    const [ann] = side.users;
    const get = async (path) => expectStatus(await api(ann, 'GET', path), 200).body;
    return {
        users: await get(`/api/chat/getUsers/${side.chatId}`),
        messages: await get(`/api/messages/getMessages/${side.chatId}`),
    };
}

/** A message in the side's chat, and what each of its sessions got up to then, from a count on. */
async function fence(side) {
    await side.sessions[0].post(side.chatId, 'fence-isolation');
    await side.sessions[1].next({ message: 'fence-isolation' });
}

/** Nothing that was confirmed so far has reached this side, its own marks apart. */
async function heardNothing(side, from) {
    await fence(side);
    const own = ({ type, chatId }) => type === 'READ_MSG' && chatId === side.chatId;
    for (const session of side.sessions.slice(0, 2)) {
        const heard = session.events.slice(from.get(session)).filter((event) => !own(event));
        assert.deepEqual(heard.map(({ message }) => message), ['fence-isolation']);
    }
    const cat = side.sessions[2]; // in no chat: it has no fence, and must have heard nothing at all
    assert.deepEqual(cat.events.slice(from.get(cat)), []);
}

const countsOf = (side) => new Map(side.sessions.map((session) => [session, session.events.length]));

test('all that one tenant does is heard by that tenant alone', async () => {
    const [mine, theirs] = sides;
    const [ann, bob, cat] = mine.users;
    const [anns, bobs] = mine.sessions;
    await fence(theirs);
    const from = countsOf(theirs);

    const { chatId } = await createChat(ann, bob);
    const call = async (user, method, path, body) => {
        return expectStatus(await api(user, method, path, body), 200);
    };
    const { messageId } = await anns.post(chatId);
    await anns.send({ type: 'EDIT_MSG', chatId, messageId, message: 'edited' });
    await bobs.send({ type: 'REPLY', chatId, messageId, message: 'reply' });
    await bobs.send({ type: 'TYPING', chatId });
    await bobs.send({ type: 'REACT', chatId, messageId, reaction: 'x' });
    await bobs.send({ type: 'DELETE_REACT', reactionId: (await bobs.next({ type: 'REACT', chatId })).messageId });
    await bobs.send({ type: 'READ_MSG', chatId, messageId });
    await anns.next({ type: 'READ_MSG', chatId });
    await anns.send({ type: 'DELETE_MSG', chatId, messageId });
    await call(ann, 'POST', '/api/chat/addUser', { chatId, newUsername: 'cat' });
    await call(ann, 'POST', '/api/chat/changeName', { chatId, newChatName: 'renamed' });
    await call(cat, 'POST', '/api/chat/removeUser', { chatId, removeUser: cat.id });
    await call(ann, 'DELETE', `/api/chat/deleteChat?chatId=${chatId}`);
    await bobs.next('DELETE_CHAT');

    const seen = new Set(bobs.events.map(({ type }) => type));
    assert.deepEqual(Object.keys(SHAPES).filter((type) => !seen.has(type)), [], 'every event happened');
    await heardNothing(theirs, from);
});

test('actions with the other tenant\'s ids are refused as unknown, and change nothing', async () => {
    for (const [mine, theirs] of [sides, [...sides].reverse()]) {
        await fence(theirs);
        const before = await chatOf(theirs);
        const from = countsOf(theirs);
        const { chatId, messageId, reactionId } = theirs;
        const own = mine.chatId;
        const rows = [
            [{ type: 'SEND_MSG', chatId, message: 'x' }, 'CHAT_NOT_FOUND'],
            [{ type: 'EDIT_MSG', chatId, messageId, message: 'x' }, 'CHAT_NOT_FOUND'],
            [{ type: 'EDIT_MSG', chatId: own, messageId, message: 'x' }, 'MESSAGE_NOT_FOUND'],
            [{ type: 'DELETE_MSG', chatId, messageId }, 'CHAT_NOT_FOUND'],
            [{ type: 'DELETE_MSG', chatId: own, messageId }, 'MESSAGE_NOT_FOUND'],
            [{ type: 'REPLY', chatId, messageId, message: 'x' }, 'CHAT_NOT_FOUND'],
            [{ type: 'REPLY', chatId: own, messageId, message: 'x' }, 'MESSAGE_NOT_FOUND'],
            [{ type: 'TYPING', chatId }, 'CHAT_NOT_FOUND'],
            [{ type: 'REACT', chatId, messageId, reaction: 'x' }, 'CHAT_NOT_FOUND'],
            [{ type: 'REACT', chatId: own, messageId, reaction: 'x' }, 'MESSAGE_NOT_FOUND'],
            [{ type: 'DELETE_REACT', reactionId }, 'REACTION_NOT_FOUND'],
            [{ type: 'READ_MSG', chatId, messageId }, 'CHAT_NOT_FOUND'],
            [{ type: 'READ_MSG', chatId: own, messageId }, 'MESSAGE_NOT_FOUND'],
        ];
        for (const [action, code] of rows) {
            const event = await mine.sessions[0].refused(action, code);
            assert.doesNotMatch(JSON.stringify(event), /secret|🤫/);
        }
        await heardNothing(theirs, from);
        const now = await chatOf(theirs);
        now.messages.messages = now.messages.messages.filter((m) => m.content !== 'fence-isolation');
        before.messages.messages = before.messages.messages.filter((m) => m.content !== 'fence-isolation');
        assert.deepEqual(now.messages, before.messages);
        const ids = ({ users }) => users.users.map(({ userId }) => userId).sort();
        assert.deepEqual(ids(now), ids(before));
    }
});

test('calls with the other tenant\'s ids reach nobody there', async () => {
    const [mine, theirs] = sides;
    await fence(theirs);
    const from = countsOf(theirs);
    const [ann] = mine.users;
    const { chatId } = theirs;
    const calls = [
        ['POST', '/api/chat/addUser', { chatId, newUsername: 'cat' }],
        ['POST', '/api/chat/removeUser', { chatId, removeUser: theirs.users[1].id }],
        ['POST', '/api/chat/changeName', { chatId, newChatName: 'mine now' }],
        ['DELETE', `/api/chat/deleteChat?chatId=${chatId}`],
        ['GET', `/api/messages/getMessages/${chatId}`],
        ['GET', `/api/chat/getUsers/${chatId}`],
    ];
    for (const [method, path, body] of calls) {
        expectError(await api(ann, method, path, body), 404, 'CHAT_NOT_FOUND');
    }
    expectError(await api(ann, 'POST', '/api/chat/removeUser',
                          { chatId: mine.chatId, removeUser: theirs.users[1].id }), 404);
    await heardNothing(theirs, from);
});

test('a session cannot subscribe to, nor be opened for, a user of the other tenant', async () => {
    const [[ann], [other]] = sides.map(({ users }) => users);
    await assert.rejects(connect(server, ann, { destination: `/user/${other.id}/queue/messages` }),
                         /ERROR frame/);
    await assert.rejects(connect(server, ann, { connectHeaders: { Authorization: `Bearer ${other.jwt}` } }),
                         /ERROR frame/);
});
