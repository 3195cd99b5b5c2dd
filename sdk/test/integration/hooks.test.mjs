// What the hooks of whisp-sdk/react show, under load from a real server. Their stores need no React.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newKey, startServer } from '../../../test/contract/harness.mjs';
import { ChatsStore, MessagesStore } from '../../dist/esm/react/stores.js';
import { person } from './people.mjs';

const MESSAGES = 120;

let server, ann, bob, chatId;

before(async () => {
    server = await startServer({ args: ['--request-rate', 'off', '--message-rate', 'off', '--unread-most', '1000'] });
    const key = await newKey(server);
    [ann, bob] = [await person(server, key, 'ann'), await person(server, key, 'bob')];
    ({ chatId } = await ann.client.createChat('Lunch', ['ann', 'bob']));
});

after(async () => {
    [ann, bob].forEach((one) => one?.client.realtime.disconnect());
    await server?.stop();
});

/** Resolves when the store shows what is wanted, and reads nothing. */
function shown(store, is) {
    return new Promise((done) => {
        const look = () => !store.get().loading && is(store.get().items) && done(store.get().items);
        store.subscribe(look);
        look();
    });
}

test('unread messages are counted once, however often the chats are read while they come', async () => {
    const store = new ChatsStore(bob.client);
    const [first] = await shown(store, (chats) => chats.length === 1);
    const stop = bob.client.realtime.on('message', store.reload);
    await Promise.all(Array.from({ length: MESSAGES }, (_, i) => ann.client.realtime.sendMessage(chatId, `text ${i}`)));
    const [chat] = await shown(store, ([one]) => one.lastSeq >= first.lastSeq + MESSAGES);
    stop();
    assert.equal(chat.unreadCount, MESSAGES);
    assert.equal(chat.lastMessage, `text ${MESSAGES - 1}`);
});

test('a chat that is read in the background stays unread; one that is opened does not', async () => {
    const unread = async () => (await bob.client.getChats()).chats[0].unreadCount;
    for await (const _ of bob.client.allMessages(chatId, { mark: false }));
    assert.equal(await unread(), MESSAGES);
    const store = new MessagesStore(bob.client, chatId);
    await shown(store, (messages) => messages.at(-1)?.content === `text ${MESSAGES - 1}`);
    assert.equal(await unread(), 0);
});
