// The largest pages that anyone can ask for, of the longest and most awkward content there may be.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { api, createChat, createTenant, expectStatus, startServer } from './harness.mjs';
import { connect } from './realtime.mjs';

const LONG = 10_000; /* characters of a message */
const AWKWARD = ['\u0001', '😀', '"', '\\', '\u2028', '\u0800'];

let server, ann, bob, live;
before(async () => {
    server = await startServer({ args: ['--request-rate', 'off', '--message-rate', 'off'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
    live = await connect(server, ann);
});
after(async () => {
    await live?.close();
    await server?.stop();
});

/** A text of the greatest length, of one awkward character, that says which it is. */
const text = (i) => `${i} `.padEnd(10) + AWKWARD[i % AWKWARD.length].repeat(LONG - 10);

test('1000 chats with the longest last messages are one page', async () => {
    const names = [];
    for (let i = 0; i < 1000; i += 50) {
        const chats = await Promise.all(Array.from({ length: 50 }, () => createChat(ann, bob)));
        names.push(...chats);
        await Promise.all(chats.map(({ chatId }, k) => live.send({ type: 'SEND_MSG', chatId, message: text((i + k) % 2) })));
    }
    const res = expectStatus(await api(bob, 'GET', '/api/chat/getChats?size=1000'), 200);
    assert.equal(res.body.chats.length, 1000);
    for (const chat of res.body.chats) {
        assert.equal([...chat.lastMessage].length, LONG);
    }
    expectStatus(await api(bob, 'GET', '/api/chat/getChats?size=1'), 200);
});

test('a page of the longest messages, their originals and reactions ends early and loses none', async () => {
    const { chatId } = await createChat(ann, bob);
    const { messageId } = await live.post(chatId, text(0));
    for (let i = 1; i < 600; i += 50) {
        await Promise.all(Array.from({ length: Math.min(50, 600 - i) }, (_, k) =>
            live.send({ type: 'REPLY', chatId, messageId, message: text(i + k) })));
    }
    const page = async (at) => expectStatus(
        await api(bob, 'GET', `/api/messages/getMessages/${chatId}?size=1000&mark=false${at}`), 200).body.messages;
    const [newest] = await page('');
    await Promise.all(Array.from({ length: 20 }, (_, k) => live.send(
        { type: 'REACT', chatId, messageId: newest.messageId, reaction: `${k}`.padEnd(64, '\u0001') })));
    const found = [];
    for (let at = '', messages; (messages = await page(at)).length; at = `&lastMessage=${messages.at(-1).messageId}`) {
        found.push(...messages);
    }
    assert.equal(found.length, 600);
    assert.equal(new Set(found.map(({ content }) => content.slice(0, 10))).size, 600);
    assert.equal(found[0].reactions.length, 20);
    assert.equal(found.filter(({ replyTo }) => replyTo).length, 599);
});

test('a page of nothing but control characters, which JSON writes in six, is an answer too', async () => {
    const { chatId } = await createChat(ann, bob);
    const message = '\u0001'.repeat(LONG);
    const { messageId } = await live.post(chatId, message);
    for (let i = 0; i < 850; i += 50) {
        await Promise.all(Array.from({ length: 50 }, () => live.send({ type: 'REPLY', chatId, messageId, message })));
    }
    const found = new Set();
    for (let at = '', messages; ; at = `&lastMessage=${messages.at(-1).messageId}`) {
        const res = await api(bob, 'GET', `/api/messages/getMessages/${chatId}?size=1000&mark=false${at}`);
        ({ messages } = expectStatus(res, 200).body);
        if (!messages.length) {
            break;
        }
        messages.forEach((each) => found.add(each.messageId));
    }
    assert.equal(found.size, 851);
});
