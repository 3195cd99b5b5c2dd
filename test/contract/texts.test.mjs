// Texts that people type: what looks the same is the same, and a name has something to see.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
    api, createApp, createChat, createTenant, createUser, expectError, expectStatus, register, signIn, startServer,
    unique, UNKNOWN_ID,
} from './harness.mjs';
import { connect, rawSocket } from './realtime.mjs';

let server, app, ann, bob;
before(async () => {
    server = await startServer();
    ({ app, users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
});
after(() => server?.stop());

const NOTHING_TO_SEE = {
    'a braille blank': '\u2800', 'a null notehead': '\u{1d159}', 'a zero-width space': '\u200b', 'fillers': '\u3164\u115f',
    'a mark on nothing': '\u0301', 'spaces of all kinds': ' \u00a0\u2003\u3000', 'blanks mixed': '\u2800 \u{1d159}',
};

for (const [what, name] of Object.entries(NOTHING_TO_SEE)) {
    test(`a name that draws nothing is refused: ${what}`, async () => {
        const account = await register(server);
        const user = { username: name, email: `${unique('mail')}@example.com`, password: 'S3cure!Pass#2026' };
        const refused = [
            await api(app.key, 'POST', '/api/user/registerUser', user),
            await api(ann, 'POST', '/api/user/changeUsername', { newUsername: name }),
            await api(ann, 'POST', '/api/chat/createChat', { chatName: name, userNames: ['ann', 'bob'] }),
        ];
        refused.forEach((res) => expectError(res, 400, 'INVALID_FIELD'));
        await assert.rejects(createApp(account, name), /400/);
    });
}

test('a name may have such characters beside one that is seen', async () => {
    const { chatId } = await createChat(ann, bob);
    for (const newChatName of ['\u2800x', 'é', '👩‍👩‍👧 family', '\u0301a', '☺️']) {
        expectStatus(await api(ann, 'POST', '/api/chat/changeName', { chatId, newChatName }), 200);
    }
});

test('names and passwords are found however the keyboard composes them', async () => {
    const [composed, apart] = ['Zo\u00eb Str\u00f6m', 'Zoe\u0308 Stro\u0308m'];
    const [password, typed] = ['P\u00e4ssw\u00f6rter 1', 'Pa\u0308sswo\u0308rter 1'];
    expectStatus(await api(app.key, 'POST', '/api/user/registerUser',
                           { username: composed, email: `${unique('mail')}@example.com`, password: typed }), 201);
    assert.equal((await signIn(app, apart, password)).username, composed);
    assert.equal((await signIn(app, composed, typed)).username, composed);
    const chat = await api(ann, 'POST', '/api/chat/createChat', { chatName: 'x', userNames: ['ann', apart] });
    assert.equal(chat.status, 201);
    expectError(await api(app.key, 'POST', '/api/user/signin', { username: composed, password: 'Passworter 1' }), 401);
});

test('a reaction is the same with and without the selector that asks for a picture', async () => {
    const { chatId } = await createChat(ann, bob);
    const [anns, bobs] = [await connect(server, ann), await connect(server, bob)];
    const { messageId } = await anns.post(chatId);
    const react = (session, reaction) => session.send({ type: 'REACT', chatId, messageId, reaction });
    await react(anns, '❤');
    await react(bobs, '❤️');
    await react(anns, '❤️');
    await react(bobs, '1️⃣');
    await react(bobs, '1');
    const page = await api(ann, 'GET', `/api/messages/getMessages/${chatId}`);
    assert.deepEqual(page.body.messages[0].reactions.map(({ senderId, reaction }) => [senderId, reaction]),
                     [[ann.id, '❤'], [bob.id, '❤'], [bob.id, '1️⃣'], [bob.id, '1']]);
    await anns.close();
    await bobs.close();
});

test('a destination names its user in capitals, too', async () => {
    const socket = await rawSocket(server, ann);
    await socket.connect();
    await socket.subscribe('0', { destination: `/user/${ann.id.toUpperCase()}/queue/messages` });
    socket.send('SUBSCRIBE', { id: '1', destination: `/user/${UNKNOWN_ID.toUpperCase()}/queue/messages` });
    await socket.failed();
});

test('a frame whose NUL was cut off is told so', async () => {
    const fast = await startServer({ args: ['--connect-timeout', '200ms'] });
    try {
        const { users: [carl] } = await createTenant(fast, 'carl');
        const cut = await rawSocket(fast, carl);
        cut.write(`CONNECT\naccept-version:1.2\nAuthorization:Bearer ${carl.jwt}\n\n`);
        assert.match((await cut.failed()).headers.message, /NUL/);
        const silent = await rawSocket(fast, carl);
        assert.match((await silent.failed()).headers.message, /CONNECT/);
    } finally {
        await fast.stop();
    }
});

test('history names who sent a message, of those who left as well', async () => {
    const carl = await createUser(app);
    const { chatId } = await createChat(ann, bob, carl);
    const carls = await connect(server, carl);
    await carls.post(chatId);
    await carls.close();
    expectStatus(await api(carl, 'POST', '/api/chat/removeUser', { chatId, removeUser: carl.id }), 200);
    const { body } = await api(ann, 'GET', `/api/messages/getMessages/${chatId}`);
    assert.equal(body.messages[0].senderName, carl.username);
});

test('a list of chats says as of which event it is', async () => {
    const chat = await createChat(ann, bob);
    assert.equal(chat.lastSeq, 1);
    const anns = await connect(server, ann);
    const event = await anns.post(chat.chatId);
    const [listed] = expectStatus(await api(bob, 'GET', '/api/chat/getChats'), 200).body.chats;
    assert.deepEqual([listed.chatId, listed.unreadCount, listed.lastSeq], [chat.chatId, 1, event.seq]);
    await anns.close();
});

test('a mark whose message is deleted is at the one before it', async () => {
    const { chatId } = await createChat(ann, bob);
    const anns = await connect(server, ann);
    const [first, second] = [await anns.post(chatId), await anns.post(chatId)];
    await api(bob, 'GET', `/api/messages/getMessages/${chatId}`);
    const lastSeen = async () => (await api(ann, 'GET', `/api/chat/getUsers/${chatId}`)).body.users
        .find(({ id, userId }) => (userId ?? id) === bob.id).lastSeenMessage;
    assert.equal(await lastSeen(), second.messageId);
    await anns.send({ type: 'DELETE_MSG', messageId: second.messageId, chatId });
    assert.equal(await lastSeen(), first.messageId);
    await anns.send({ type: 'DELETE_MSG', messageId: first.messageId, chatId });
    assert.equal(await lastSeen(), null);
    await anns.close();
});
