// Chats over REST: create, list, members, rename, delete. Their events: the realtime tests.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
    api, createApp, createChat, createTenant, createUser, expectBadFields, expectConventions,
    expectError, expectStatus, NOT_TEXT, register, startServer, TIME, unique, UNKNOWN_ID, UUID7,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const server = await startServer();
after(() => server.stop());

let app;
let stranger; // of the same app, in no chat
let foreigner; // of another app
before(async () => {
    app = await createApp(await register(server));
    stranger = await createUser(app);
    foreigner = await createUser(await createApp(await register(server)));
});

const users = async (n) => Promise.all(Array.from({ length: n }, () => createUser(app)));
const create = (user, body) => api(user, 'POST', '/api/chat/createChat', body);
const list = (user, query = '') => api(user, 'GET', `/api/chat/getChats${query}`);
const chatsOf = async (user, query) => expectStatus(await list(user, query), 200).body.chats;
const members = (user, chatId) => api(user, 'GET', `/api/chat/getUsers/${chatId}`);
const membersOf = async (user, chatId) => expectStatus(await members(user, chatId), 200).body.users;
const add = (user, chatId, newUsername) =>
    api(user, 'POST', '/api/chat/addUser', { chatId, newUsername });
const remove = (user, chatId, removeUser) =>
    api(user, 'POST', '/api/chat/removeUser', { chatId, removeUser });
const rename = (user, chatId, newChatName) =>
    api(user, 'POST', '/api/chat/changeName', { chatId, newChatName });
const deleteChat = (user, chatId) => api(user, 'DELETE', `/api/chat/deleteChat?chatId=${chatId}`);
const history = (user, chatId) => api(user, 'GET', `/api/messages/getMessages/${chatId}`);
const names = (...list) => list.map((user) => user.username);
const ids = (list) => list.map((entry) => entry.userId ?? entry.id).sort();

/** Posts texts by the user over a session of its own. */
async function say(user, chatId, ...texts) {
    const session = await connect(server, user);
    for (const text of texts) {
        await session.send({ type: 'SEND_MSG', chatId, message: text });
    }
    await session.close();
}

test('createChat answers 201 with the new chat', async () => {
    const [ann, bob] = await users(2);
    const res = expectStatus(await create(ann, { chatName: 'Project', userNames: names(ann, bob) }),
                             201);
    expectConventions(res);
    const { chatId, createdAt, ...rest } = res.body;
    assert.match(chatId, UUID7);
    assert.match(createdAt, TIME);
    assert.deepEqual(rest, {
        chatName: 'Project', lastMessageTimestamp: null, lastMessage: null, creator: ann.id,
        groupChat: false, unreadCount: 0, lastSeq: 1,
    });
    for (const user of [ann, bob]) {
        assert.deepEqual(await chatsOf(user), [res.body]);
        assert.deepEqual(ids(await membersOf(user, chatId)), ids([ann, bob]));
    }
});

test('the same members again are another chat, and three are a group', async () => {
    const [ann, bob, carl] = await users(3);
    const [one, two] = [await createChat(ann, bob), await createChat(ann, bob)];
    assert.notEqual(one.chatId, two.chatId);
    const group = await createChat(ann, bob, carl);
    assert.equal(group.groupChat, true);
    assert.equal((await chatsOf(carl))[0].groupChat, true);
});

test('user names count without regard to case, and doubles once', async () => {
    const [ann, bob] = await users(2);
    const userNames = [ann.username.toUpperCase(), bob.username, bob.username.toUpperCase()];
    const { chatId, groupChat } = expectStatus(await create(ann, { chatName: 'x', userNames }),
                                               201).body;
    assert.equal(groupChat, false);
    assert.deepEqual(ids(await membersOf(ann, chatId)), ids([ann, bob]));
});

test('createChat needs the own name and another', async () => {
    const [ann, bob, carl] = await users(3);
    for (const userNames of [names(bob, carl), names(ann), names(ann, ann), []]) {
        const { message } = expectError(await create(ann, { chatName: 'x', userNames }), 400);
        assert.match(message, /user ?name/i);
    }
    assert.deepEqual(await chatsOf(ann), []);
});

test('an unknown user name is a 404 that names it, and no chat is made', async () => {
    const [ann, bob] = await users(2);
    for (const unknown of [unique('nobody'), foreigner.username]) {
        const userNames = [ann.username, bob.username, unknown];
        const { message } = expectError(await create(ann, { chatName: 'x', userNames }), 404,
                                        'USER_NOT_FOUND');
        assert.ok(message.includes(unknown), message);
    }
    assert.deepEqual(await chatsOf(bob), []);
});

test('createChat names the field that is missing or wrong', async () => {
    const [ann, bob] = await users(2);
    await expectBadFields((body) => create(ann, body),
                          { chatName: 'x', userNames: names(ann, bob) }, {
        chatName: [...NOT_TEXT, 'x'.repeat(129)],
        userNames: [undefined, null, 7, 'ann', {}, [7], [null], [[ann.username]],
                    [ann.username, ...Array.from({ length: 1000 }, (_, i) => `u${i}`)]],
    });
});

test('a chat name has up to 128 characters of any kind', async () => {
    const [ann, bob] = await users(2);
    for (const chatName of ['x', '🦊'.repeat(128), 'a "quoted" \\ <name>\t/ &']) {
        const res = expectStatus(await create(ann, { chatName, userNames: names(ann, bob) }), 201);
        assert.equal(res.body.chatName, chatName);
        assert.equal((await chatsOf(bob))[0].chatName, chatName);
    }
});

test('getChats has the newest activity first', async () => {
    const [ann, bob] = await users(2);
    const chats = [await createChat(ann, bob), await createChat(ann, bob), await createChat(ann, bob)];
    const order = async (user) => (await chatsOf(user)).map(({ chatId }) => chatId);
    const byId = chats.map(({ chatId }) => chatId);
    assert.deepEqual(await order(ann), [byId[2], byId[1], byId[0]]);
    await say(bob, byId[0], 'up');
    assert.deepEqual(await order(ann), [byId[0], byId[2], byId[1]]);
    await say(ann, byId[1], 'up too');
    assert.deepEqual(await order(bob), [byId[1], byId[0], byId[2]]);
});

test('getChats shows the newest message, as it is now, and how many are unread', async () => {
    const [ann, bob] = await users(2);
    const { chatId } = await createChat(ann, bob);
    const session = await connect(server, ann);
    const first = await session.post(chatId, 'first');
    const second = await session.post(chatId, 'second');
    let [chat] = await chatsOf(bob);
    assert.equal(chat.lastMessage, 'second');
    assert.equal(chat.lastMessageTimestamp, second.timeStamp);
    assert.equal(chat.unreadCount, 2);
    assert.equal((await chatsOf(ann))[0].unreadCount, 0, 'own messages are not unread');

    await session.send({ type: 'EDIT_MSG', chatId, messageId: second.messageId, message: 'edited' });
    assert.equal((await chatsOf(bob))[0].lastMessage, 'edited');
    await session.send({ type: 'DELETE_MSG', chatId, messageId: second.messageId });
    [chat] = await chatsOf(bob);
    assert.equal(chat.lastMessage, 'first');
    assert.equal(chat.lastMessageTimestamp, first.timeStamp);
    assert.equal(chat.unreadCount, 1);
    await session.send({ type: 'DELETE_MSG', chatId, messageId: first.messageId });
    [chat] = await chatsOf(bob);
    assert.equal(chat.lastMessage, null);
    assert.equal(chat.lastMessageTimestamp, null);
    assert.equal(chat.unreadCount, 0);
    await session.close();
});

test('getChats comes in pages, 20 by default', async () => {
    const [ann, bob] = await users(2);
    const all = [];
    for (let i = 0; i < 23; i++) {
        all.unshift((await createChat(ann, bob)).chatId);
    }
    const page = async (query) => (await chatsOf(ann, query)).map(({ chatId }) => chatId);
    assert.deepEqual(await page(''), all.slice(0, 20));
    assert.deepEqual(await page('?page=1'), all.slice(20));
    for (const size of ['100', '1000', '1001', '99999999999999999999']) {
        assert.deepEqual(await page(`?page=0&size=${size}`), all);
    }
    assert.deepEqual(await page('?page=2&size=5'), all.slice(10, 15));
    assert.deepEqual(await page('?size=1'), all.slice(0, 1));
    assert.deepEqual(await page('?page=99'), []);
});

test('getChats refuses a page or size out of range, naming it', async () => {
    for (const [name, value] of [['size', '0'], ['size', '00'], ['size', '-1'], ['size', 'x'],
                                 ['size', ''], ['size', '1.5'], ['page', '-1'], ['page', 'x'],
                                 ['page', '99999999999999999999']]) {
        const { message } = expectError(await list(stranger, `?${name}=${value}`), 400);
        assert.match(message, new RegExp(name));
    }
});

test('getChats with a cursor neither repeats nor skips, while chats move', async () => {
    const [ann, bob] = await users(2);
    const made = [];
    for (let i = 0; i < 9; i++) {
        made.push((await createChat(ann, bob)).chatId);
    }
    const seen = [];
    let { chats, nextCursor } = (await list(ann, '?size=4')).body;
    seen.push(...chats.map(({ chatId }) => chatId));
    await say(bob, made[0], 'this chat comes to the top now');
    while (nextCursor) {
        const query = `?size=4&cursor=${encodeURIComponent(nextCursor)}`;
        ({ chats, nextCursor } = expectStatus(await list(ann, query), 200).body);
        seen.push(...chats.map(({ chatId }) => chatId));
    }
    assert.equal(new Set(seen).size, seen.length, 'a chat was repeated');
    assert.deepEqual(made.slice(1).filter((id) => !seen.includes(id)), [], 'a chat was skipped');
    for (const cursor of ['x', '%00', 'a'.repeat(500), UNKNOWN_ID]) {
        const { message } = expectError(await list(ann, `?cursor=${cursor}`), 400);
        assert.match(message, /cursor/);
    }
});

test('nobody is put into more chats than a user may be in, and those it is in go on', async () => {
    const small = await startServer({ args: ['--user-chats', '2'] });
    try {
        const { users: [ann, bob, carl] } = await createTenant(small, 'ann', 'bob', 'carl');
        const [first] = [await createChat(ann, bob), await createChat(ann, bob)];
        const refused = expectError(await create(carl, { chatName: 'x', userNames: names(carl, bob) }), 409, 'USER_CHAT_LIMIT');
        assert.match(refused.message, /"bob" is in as many chats/);
        assert.deepEqual(await chatsOf(carl), []);
        const session = await connect(small, bob);
        await session.post(first.chatId, 'still here');
        await session.close();
        expectStatus(await remove(bob, first.chatId, bob.id), 200);
        const { chatId } = await createChat(carl, bob);
        expectStatus(await remove(carl, chatId, bob.id), 200);
    } finally {
        await small.stop();
    }
});

test('a chat that is full takes nobody more', async () => {
    const small = await startServer({ args: ['--chat-members', '3'] });
    try {
        const { users: [ann, bob, carl, dora] } =
            await createTenant(small, 'ann', 'bob', 'carl', 'dora');
        const { chatId } = await createChat(ann, bob, carl);
        expectError(await add(ann, chatId, 'dora'), 409, 'CHAT_FULL');
        const res = await create(ann, { chatName: 'x', userNames: names(ann, bob, carl, dora) });
        assert.ok([400, 409].includes(res.status), `${res.status} ${res.text}`);
        expectError(res, res.status);
    } finally {
        await small.stop();
    }
});

test('getUsers tells who is in, since when, and what they saw', async () => {
    const [ann, bob] = await users(2);
    const { chatId, createdAt } = await createChat(ann, bob);
    const res = expectStatus(await members(bob, chatId), 200);
    expectConventions(res);
    for (const member of res.body.users) {
        assert.match(member.joinedChatAt, TIME);
        assert.equal(member.joinedChatAt, createdAt);
        assert.equal(member.lastSeenMessage, null);
        assert.deepEqual([member.online, member.lastSeenAt], [false, null]);
        assert.deepEqual(Object.keys(member), ['userId', 'username', 'joinedChatAt',
            'lastSeenMessage', 'online', 'lastSeenAt']);
    }
    const byId = new Map(res.body.users.map((member) => [member.userId, member.username]));
    assert.deepEqual([byId.get(ann.id), byId.get(bob.id)], names(ann, bob));

    await say(ann, chatId, 'one', 'two');
    const { messages } = (await history(bob, chatId)).body;
    const seen = (await membersOf(ann, chatId)).find(({ userId }) => userId === bob.id);
    assert.equal(seen.lastSeenMessage, messages[0].messageId);
});

test('any member adds a user, who sees the whole history and has nothing unread', async () => {
    const [ann, bob, carl] = await users(3);
    const { chatId } = await createChat(ann, bob);
    await say(ann, chatId, 'before carl');
    const res = expectStatus(await add(bob, chatId, carl.username.toUpperCase()), 200);
    expectConventions(res);
    assert.deepEqual(ids(await membersOf(carl, chatId)), ids([ann, bob, carl]));
    const [chat] = await chatsOf(carl);
    assert.equal(chat.unreadCount, 0);
    assert.equal(chat.groupChat, true);
    const { messages } = expectStatus(await history(carl, chatId), 200).body;
    assert.deepEqual(messages.map((m) => m.content), ['before carl']);
    await say(bob, chatId, 'after');
    assert.equal((await chatsOf(carl))[0].unreadCount, 1);
});

test('addUser refuses members, unknown names and those who are not in the chat', async () => {
    const [ann, bob, carl] = await users(3);
    const { chatId } = await createChat(ann, bob);
    expectError(await add(ann, chatId, bob.username.toUpperCase()), 409, 'ALREADY_MEMBER');
    expectError(await add(ann, chatId, ann.username), 409, 'ALREADY_MEMBER');
    expectError(await add(ann, chatId, unique('nobody')), 404, 'USER_NOT_FOUND');
    expectError(await add(ann, chatId, foreigner.username), 404, 'USER_NOT_FOUND');
    expectError(await add(stranger, chatId, stranger.username), 403, 'NOT_A_MEMBER');
    expectError(await add(stranger, chatId, carl.username), 403, 'NOT_A_MEMBER');
    assert.deepEqual(ids(await membersOf(ann, chatId)), ids([ann, bob]));
});

test('anyone leaves; a removed member is shut out of everything of the chat', async () => {
    const [ann, bob, carl] = await users(3);
    const { chatId } = await createChat(ann, bob, carl);
    const res = expectStatus(await remove(carl, chatId, carl.id), 200);
    expectConventions(res);
    assert.deepEqual(ids(await membersOf(ann, chatId)), ids([ann, bob]));
    assert.deepEqual(await chatsOf(carl), []);
    assert.equal((await chatsOf(ann))[0].groupChat, false);
    const refused = [
        await history(carl, chatId), await members(carl, chatId), await add(carl, chatId, 'x'),
        await add(carl, chatId, carl.username), await rename(carl, chatId, 'x'),
        await remove(carl, chatId, bob.id), await deleteChat(carl, chatId),
    ];
    refused.forEach((answer) => expectError(answer, 403));
});

test('the creator removes anyone, the others only themselves', async () => {
    const [ann, bob, carl] = await users(3);
    const { chatId } = await createChat(ann, bob, carl);
    expectError(await remove(bob, chatId, carl.id), 403, 'NOT_THE_CREATOR');
    expectError(await remove(bob, chatId, ann.id), 403, 'NOT_THE_CREATOR');
    expectError(await remove(ann, chatId, stranger.id), 404, 'MEMBER_NOT_FOUND');
    expectError(await remove(ann, chatId, foreigner.id), 404);
    expectError(await remove(ann, chatId, UNKNOWN_ID), 404);
    expectStatus(await remove(ann, chatId, bob.id), 200);
    expectError(await remove(ann, chatId, bob.id), 404, 'MEMBER_NOT_FOUND');
    assert.deepEqual(ids(await membersOf(ann, chatId)), ids([ann, carl]));
});

test('a returning member joined anew and has nothing unread', async () => {
    const [ann, bob, carl] = await users(3);
    const { chatId } = await createChat(ann, bob, carl);
    await say(ann, chatId, 'one');
    const joined = async () =>
        (await membersOf(ann, chatId)).find(({ userId }) => userId === bob.id).joinedChatAt;
    const first = await joined();
    expectStatus(await remove(bob, chatId, bob.id), 200);
    await say(ann, chatId, 'two');
    expectStatus(await add(carl, chatId, bob.username), 200);
    assert.ok(await joined() > first);
    assert.equal((await chatsOf(bob))[0].unreadCount, 0);
    const { messages } = (await history(bob, chatId)).body;
    assert.deepEqual(messages.map((m) => m.content), ['two', 'one']);
});

test('when the creator leaves, the member of longest standing takes over', async () => {
    const [ann, bob, carl, dora] = await users(4);
    const { chatId } = await createChat(ann, bob);
    expectStatus(await add(ann, chatId, carl.username), 200);
    expectStatus(await add(ann, chatId, dora.username), 200);
    expectStatus(await remove(ann, chatId, ann.id), 200);
    assert.equal((await chatsOf(dora))[0].creator, bob.id);
    expectError(await remove(carl, chatId, dora.id), 403);
    expectStatus(await remove(bob, chatId, bob.id), 200);
    assert.equal((await chatsOf(dora))[0].creator, carl.id);
    expectStatus(await remove(carl, chatId, dora.id), 200);
    assert.deepEqual(ids(await membersOf(carl, chatId)), ids([carl]));
});

test('a chat left by all is gone', async () => {
    const [ann, bob] = await users(2);
    const { chatId } = await createChat(ann, bob);
    expectStatus(await remove(ann, chatId, ann.id), 200);
    expectStatus(await remove(bob, chatId, bob.id), 200);
    expectError(await members(ann, chatId), 404, 'CHAT_NOT_FOUND');
    expectError(await history(bob, chatId), 404, 'CHAT_NOT_FOUND');
});

test('any member renames the chat', async () => {
    const [ann, bob] = await users(2);
    const { chatId } = await createChat(ann, bob);
    const res = expectStatus(await rename(bob, chatId, 'Neu 🎈'), 200);
    expectConventions(res);
    assert.equal((await chatsOf(ann))[0].chatName, 'Neu 🎈');
    expectError(await rename(stranger, chatId, 'x'), 403, 'NOT_A_MEMBER');
    assert.equal((await chatsOf(ann))[0].chatName, 'Neu 🎈');
});

test('only the creator deletes the chat', async () => {
    const [ann, bob] = await users(2);
    const { chatId } = await createChat(ann, bob);
    expectError(await deleteChat(bob, chatId), 403, 'NOT_THE_CREATOR');
    expectError(await deleteChat(stranger, chatId), 403);
    const res = expectStatus(await deleteChat(ann, chatId), 200);
    expectConventions(res);
    for (const user of [ann, bob]) {
        assert.deepEqual(await chatsOf(user), []);
        expectError(await history(user, chatId), 404, 'CHAT_NOT_FOUND');
        expectError(await members(user, chatId), 404, 'CHAT_NOT_FOUND');
    }
    expectError(await deleteChat(ann, chatId), 404, 'CHAT_NOT_FOUND');
});

test('each chat endpoint tells malformed, unknown and foreign ids and strangers apart', async () => {
    const [ann, bob] = await users(2);
    const { chatId } = await createChat(ann, bob);
    const calls = {
        getUsers: (user, id) => members(user, id),
        addUser: (user, id) => add(user, id, stranger.username),
        removeUser: (user, id) => remove(user, id, user.id),
        changeName: (user, id) => rename(user, id, 'x'),
        deleteChat: (user, id) => deleteChat(user, id),
        getMessages: (user, id) => history(user, id),
    };
    for (const [name, call] of Object.entries(calls)) {
        for (const id of ['x', chatId.slice(1), chatId.replace(/-/g, '')]) {
            assert.equal((await call(ann, id)).status, 400, `${name} ${id}`);
        }
        expectError(await call(ann, 'x'), 400, ['INVALID_ID', 'INVALID_FIELD']);
        expectError(await call(ann, UNKNOWN_ID), 404, 'CHAT_NOT_FOUND');
        expectError(await call(foreigner, chatId), 404, 'CHAT_NOT_FOUND');
        expectError(await call(stranger, chatId), 403, ['NOT_A_MEMBER', 'NOT_THE_CREATOR']);
        expectError(await call(server, chatId), 401, 'AUTH_MISSING_TOKEN');
    }
    assert.equal((await chatsOf(bob)).length, 1);
});

test('the fields of the other chat endpoints are named when missing or wrong', async () => {
    const [ann, bob] = await users(2);
    const { chatId } = await createChat(ann, bob);
    const post = (name) => (body) => api(ann, 'POST', `/api/chat/${name}`, body);
    const badId = [undefined, null, 7, 'x', ''];
    await expectBadFields(post('addUser'), { chatId, newUsername: stranger.username }, {
        chatId: badId, newUsername: [undefined, null, 7],
    });
    await expectBadFields(post('removeUser'), { chatId, removeUser: bob.id }, {
        chatId: badId, removeUser: badId,
    });
    await expectBadFields(post('changeName'), { chatId, newChatName: 'x' }, {
        chatId: badId, newChatName: [...NOT_TEXT, 'x'.repeat(129)],
    });
    const { message } = expectError(await api(ann, 'DELETE', '/api/chat/deleteChat'), 400);
    assert.match(message, /chatId/);
});
