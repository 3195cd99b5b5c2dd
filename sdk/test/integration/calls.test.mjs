// Every call of the documented surface, once, against a real server, by ESM and CJS alike.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import * as esm from 'whisp-sdk';
import { eventually, newKey, PASSWORD, startServer } from '../../../test/contract/harness.mjs';
import { person, texts } from './people.mjs';

const server = await startServer({ args: ['--request-rate', 'off', '--message-rate', 'off', '--presence-away', '100ms',
                                        '--presence-interval', '0s'] });
let key, ann, bob, chat;

before(async () => {
    key = await newKey(server);
    [ann, bob] = [await person(server, key, 'ann'), await person(server, key, 'bob')];
    chat = await ann.client.createChat('Lunch', ['ann', 'bob']);
});

after(async () => {
    [ann, bob].forEach((one) => one?.client.realtime.disconnect());
    await server.stop();
});

test('the CommonJS build is the same', () => {
    const cjs = createRequire(import.meta.url)('whisp-sdk');
    assert.deepEqual(Object.keys(cjs).sort(), Object.keys(esm).sort());
    const client = new cjs.WhispClient({ baseUrl: server.api });
    assert.equal(client.isAuthenticated, false);
});

test('the browser\'s part: setAuth with what the backend forwards, no API key', async () => {
    const { jwt, refreshToken, userId } = ann.client.getAuth();
    const { WebSocket } = await import('ws');
    const whisp = new esm.WhispClient({ baseUrl: `${server.api}/`, webSocketImpl: WebSocket });
    assert.equal(whisp.getAuth(), null);
    whisp.setAuth({ jwt, refreshToken, userId });
    assert.equal(whisp.isAuthenticated, true);
    const user = await whisp.getUser();
    assert.deepEqual(Object.keys(user), ['id', 'username', 'email', 'role', 'firstName', 'surName']);
    assert.equal(user.id, userId);
    await whisp.realtime.connect();
    const { messageId } = await ann.client.realtime.sendMessage(chat.chatId, 'to both');
    const seen = await new Promise((done) => {
        whisp.realtime.on('messageDeleted', done);
        ann.client.realtime.deleteMessage(chat.chatId, messageId);
    });
    assert.equal(seen.messageId, messageId);
    whisp.realtime.disconnect();
    assert.equal(await whisp.refresh(), true);
    assert.notEqual(whisp.getAuth().jwt, '');
    await assert.rejects(whisp.signIn({ username: 'ann', password: PASSWORD }), {
        name: 'WhispError', status: 0, message: 'API key is required for this endpoint',
    });
});

test('messages: sent, answered, edited, reacted to, read, deleted', async () => {
    const { chatId } = chat;
    const { realtime } = ann.client;
    const sent = await realtime.sendMessage(chatId, 'hello');
    assert.deepEqual(await bob.saw('message', ({ messageId }) => messageId === sent.messageId),
                     { ...sent, recipientId: bob.client.getAuth().userId });
    const reply = await bob.client.realtime.replyToMessage(chatId, sent.messageId, 'hello yourself');
    assert.equal(reply.replyTo.content, 'hello');
    await realtime.editMessage(chatId, sent.messageId, 'hello!');
    await bob.saw('messageEdited', ({ message }) => message === 'hello!');
    await bob.client.realtime.addReaction(chatId, sent.messageId, '🎉');
    const reaction = await ann.saw('reaction', ({ message }) => message === '🎉');
    await realtime.sendTyping(chatId);
    await bob.saw('typing');
    await realtime.markAsRead(chatId, reply.messageId);
    await bob.saw('messageRead', ({ messageId }) => messageId === reply.messageId);

    const { messages } = await ann.client.getMessages(chatId, 2);
    assert.deepEqual(messages.map(({ content }) => content), ['hello yourself', 'hello!']);
    assert.equal(messages[1].reactions[0].reactionId, reaction.messageId);
    const older = await ann.client.getMessages(chatId, 50, messages[0].messageId);
    assert.equal(older.messages[0].messageId, sent.messageId);

    await bob.client.realtime.removeReaction(reaction.messageId);
    await ann.saw('reactionDeleted', ({ messageId }) => messageId === reaction.messageId);
    await bob.client.realtime.removeReaction(reaction.messageId); // already so
    await bob.client.realtime.deleteMessage(chatId, reply.messageId);
    await ann.saw('messageDeleted', ({ messageId }) => messageId === reply.messageId);
});

test('chats: made, listed, named, joined, left, deleted', async () => {
    const eve = await person(server, key, 'eve');
    const { chatId } = await ann.client.createChat({ chatName: 'Team', userNames: ['ann', 'bob'] });
    await bob.saw('chatCreated', (event) => event.chatId === chatId);
    await bob.client.changeChatName(chatId, 'Team A');
    await ann.saw('chatRenamed', ({ message }) => message === 'Team A');
    await ann.client.addUserToChat(chatId, 'eve');
    await eve.saw('userJoined', (event) => event.chatId === chatId);
    await assert.rejects(ann.client.addUserToChat(chatId, 'eve'), { status: 409, code: 'ALREADY_MEMBER' });
    const { users } = await ann.client.getChatUsers(chatId);
    assert.deepEqual(users.map(({ username }) => username).sort(), ['ann', 'bob', 'eve']);
    const { chats } = await ann.client.getChats(0, 1);
    assert.equal(chats.length, 1);
    const all = [];
    for await (const one of ann.client.allChats()) {
        all.push(one.chatName);
    }
    assert.deepEqual(all.sort(), ['Lunch', 'Team A']);
    await ann.client.removeUserFromChat(chatId, eve.client.getAuth().userId);
    await eve.saw('userLeft', (event) => event.chatId === chatId);
    await assert.rejects(eve.client.realtime.sendMessage(chatId, 'x'), { status: 403, code: 'NOT_A_MEMBER', retryable: false });
    await assert.rejects(eve.client.getMessages(chatId), { status: 403, code: 'NOT_A_MEMBER' });
    await ann.client.deleteChat(chatId);
    await bob.saw('chatDeleted', (event) => event.chatId === chatId);
    await eve.client.changeUsername('evelyn');
    assert.equal((await eve.client.getUser()).username, 'evelyn');
    await eve.client.deleteUser();
    assert.equal(eve.client.isAuthenticated, false);
    await eve.saw('disconnected', ({ willReconnect }) => !willReconnect);
});

test('the same clientMessageId is the same message', async () => {
    const { chatId } = chat;
    const send = (text) => ann.client.realtime.sendMessage(chatId, text, { clientMessageId: 'once' });
    const first = await send('only once');
    assert.equal((await send('only once')).messageId, first.messageId);
    await assert.rejects(send('another text'), { status: 409, code: 'CLIENT_MESSAGE_MISMATCH' });
    const all = await texts(ann, chatId);
    assert.equal(all.filter((text) => text === 'only once').length, 1);
    assert.equal(ann.of('message').filter(({ message }) => message === 'only once').length, 1);
});

test('presence, for those who ask: who is there, who goes and comes', async () => {
    const { userId } = bob.client.getAuth();
    const tell = (status) => (event) => event.userId === userId && event.status === status;
    ann.client.realtime.disconnect();
    await ann.client.realtime.connect({ presence: true });
    await ann.saw('presence', tell('ONLINE'));
    bob.client.realtime.disconnect();
    assert.ok((await ann.saw('presence', tell('OFFLINE'))).lastSeenAt);
    await bob.client.realtime.connect();
    await ann.saw('presence', tell('ONLINE'), 2);
    const { users } = await ann.client.getChatUsers(chat.chatId);
    assert.equal(users.find((user) => user.userId === userId).online, true);
    assert.equal(bob.of('presence').length, 0);
});

test('one\'s own logout answers, and disconnects', async () => {
    const max = await person(server, key, 'mia');
    const { refreshToken } = max.client.getAuth();
    await max.client.logout();
    assert.equal(max.client.realtime.connected, false);
    assert.equal(max.of('disconnected').length, 1);
    max.client.setAuth({ jwt: 'x', refreshToken, userId: 'x' });
    await eventually('the session is over', async () => !await max.client.refresh() && !max.client.isAuthenticated);
});
