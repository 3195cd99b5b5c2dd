// examples/web-chat: what counts as read, where the unread begin, who has seen what, who came and went.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { api, createChat, createKey, createTenant, createUser, expectStatus, startServer } from '../contract/harness.mjs';
import { connect } from '../contract/realtime.mjs';
import { LAUNCH } from './browser.mjs';
import { openWindow, startWebChat } from './web_chat.mjs';

let server, app, browser, site, ann, bob, bobSession;

before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'] });
    let users;
    ({ app, users } = await createTenant(server, 'ann', 'bob'));
    [ann, bob] = users;
    const key = await createKey(app);
    [site, browser, bobSession] = await Promise.all([
        startWebChat({ WHISP_URL: server.api, WHISP_API_KEY: key.token }), chromium.launch(LAUNCH), connect(server, bob)]);
});
after(async () => {
    await bobSession?.close();
    await browser?.close();
    await site?.stop();
    await server?.stop();
});

async function openAs(username, options, prepare) {
    const window = await openWindow(browser, site.url, options, prepare);
    await window.signIn(username);
    await window.shows(window.page.locator('.own-name', { hasText: username }));
    return window;
}

async function markOf(user, chatId) {
    const { users } = expectStatus(await api(user, 'GET', `/api/chat/getUsers/${chatId}`), 200).body;
    return users.find(({ userId }) => userId === user.id).lastSeenMessage;
}

const open = (window, chatId) => window.page.evaluate((id) => { location.hash = id; }, chatId);

test('a tab that was opened in the background marks nothing as read', async () => {
    const { chatId } = await createChat(bob, ann);
    const hidden = await openAs('ann', {}, () => {
        globalThis.isShown = false;
        document.hasFocus = () => globalThis.isShown;
        Object.defineProperty(document, 'visibilityState', { get: () => (globalThis.isShown ? 'visible' : 'hidden') });
    });
    const { messageId } = await bobSession.post(chatId, 'are you there?');
    await open(hidden, chatId);
    await hidden.shows(hidden.message('are you there?'));
    assert.equal(await markOf(ann, chatId), null);
    await hidden.page.evaluate(() => {
        globalThis.isShown = true;
        dispatchEvent(new Event('focus'));
    });
    await bobSession.next({ type: 'READ_MSG', chatId, messageId });
    await hidden.end();
});

describe('500 unread', () => {
    let chatId, chatName, window;
    before(async () => {
        ({ chatId, chatName } = await createChat(bob, ann));
        const annSession = await connect(server, ann);
        const { messageId } = await bobSession.post(chatId, 'read before');
        await annSession.send({ type: 'READ_MSG', chatId, messageId });
        await annSession.close();
        await Promise.all(Array.from({ length: 500 }, (_, i) => bobSession.post(chatId, `unread ${i + 1}`)));
        window = await openAs('ann');
    });
    after(() => window.end());

    test('the chat opens where they begin, below a line', async () => {
        await window.chatItem(chatName).click();
        const line = window.page.locator('.unread-line');
        await window.shows(line);
        assert.equal(await line.innerText(), 'Unread messages');
        await window.shows(window.message('read before'));
        const next = await line.evaluate((element) => element.nextElementSibling.querySelector('.text').textContent);
        assert.equal(next, 'unread 1');
        assert.ok(await line.evaluate((element) => {
            const { top, bottom } = element.getBoundingClientRect();
            return top >= 0 && bottom <= innerHeight;
        }), 'the line is in sight');
    });

    test('only what was in sight is read', async () => {
        const { messageId } = await bobSession.next(({ type, chatId: id }) => type === 'READ_MSG' && id === chatId);
        const { messages } = expectStatus(await api(bob, 'GET', `/api/messages/getMessages/${chatId}?size=501&mark=false`), 200).body;
        const place = messages.findIndex((message) => message.messageId === messageId); // newest first
        assert.ok(place > 450, `${500 - place} of 500 are read`);
        await window.shows(window.chatItem(chatName).locator('.badge'));
    });

    test('the way to the end reads them all', async () => {
        await window.button('New messages').click();
        await window.lacks(window.chatItem(chatName).locator('.badge'));
        await window.shows(window.message('unread 500'));
    });

    test('whoever writes has seen the line', async () => {
        await window.say('Phew');
        await window.lacks(window.page.locator('.unread-line'));
    });
});

test('seen by 40: two names and a number', async () => {
    const others = [];
    for (let i = 0; i < 40; i++) {
        others.push(await createUser(app, `reader${i}`));
    }
    const { chatId, chatName } = await createChat(ann, ...others);
    const annSession = await connect(server, ann);
    await annSession.post(chatId, 'to all');
    await annSession.close();
    await Promise.all(others.map((user) => api(user, 'GET', `/api/messages/getMessages/${chatId}`)));
    const window = await openAs('ann');
    await window.chatItem(chatName).click();
    await window.shows(window.message('to all').getByText(/^Seen by reader\d+, reader\d+ and 38 others$/));
    await window.shows(window.page.locator('.chat-title p', { hasText: /^41 people: You, / }));
    await window.end();
});

describe('who came and went', () => {
    test('joins, leaves and new names are told between the messages, after a reload too', async () => {
        const [carl, dora] = [await createUser(app, 'carl'), await createUser(app, 'dora')];
        const { chatId } = await createChat(bob, ann, dora);
        const doraSession = await connect(server, dora);
        await doraSession.post(chatId, 'bye');
        const window = await openAs('ann');
        await open(window, chatId);
        await window.shows(window.message('bye'));
        const notice = (text) => window.page.locator('.chat-notice', { hasText: text });
        expectStatus(await api(bob, 'POST', '/api/chat/addUser', { chatId, newUsername: 'carl' }), 200);
        await window.shows(notice('carl joined'));
        expectStatus(await api(dora, 'POST', '/api/chat/removeUser', { chatId, removeUser: dora.id }), 200);
        await window.shows(notice('dora left'));
        expectStatus(await api(carl, 'POST', '/api/chat/changeName', { chatId, newChatName: 'Walks' }), 200);
        await window.shows(notice('The chat is now called Walks'));
        await window.page.reload();
        await window.shows(notice('dora left'));
        assert.deepEqual(await window.page.locator('.chat-notice').allInnerTexts(),
                         ['carl joined', 'dora left', 'The chat is now called Walks']);
        await window.shows(window.message('bye').locator('.sender', { hasText: /^dora$/ }));
        await window.end();
        await doraSession.close();
    });

    test('being removed, and a chat that is deleted, say so', async () => {
        const [one, two] = [await createChat(bob, ann), await createChat(bob, ann)];
        const window = await openAs('ann');
        await window.chatItem(one.chatName).click();
        expectStatus(await api(bob, 'POST', '/api/chat/removeUser', { chatId: one.chatId, removeUser: ann.id }), 200);
        await window.shows(window.page.getByText(`You are not in “${one.chatName}” any more.`));
        await window.shows(window.page.getByText('Pick a chat'));
        expectStatus(await api(bob, 'DELETE', `/api/chat/deleteChat?chatId=${two.chatId}`), 200);
        await window.shows(window.page.getByText(`“${two.chatName}” was deleted.`));
        await window.button('Close this notice').click();
        await window.lacks(window.page.getByText('was deleted.'));
        await window.end();
    });
});

test('previews say whom the last message is from', async () => {
    const eve = await createUser(app, 'eve');
    const group = await createChat(ann, bob, eve), two = await createChat(ann, bob);
    const [annSession, eveSession] = await Promise.all([connect(server, ann), connect(server, eve)]);
    await eveSession.post(group.chatId, 'in the group');
    await annSession.post(two.chatId, 'in the chat of two');
    const window = await openWindow(browser, site.url);
    let isDown = true; // asked in vain, it is asked again with the connection
    await window.page.route(/getMessages|getTicket/, (route) => (isDown ? route.abort() : route.continue()));
    const failed = window.page.waitForEvent('requestfailed', (request) => request.url().includes('getMessages'));
    await window.signIn('ann');
    await failed;
    await window.shows(window.page.getByText('Connection lost.'));
    isDown = false;
    await window.retryNow();
    const preview = ({ chatName }, text) => window.chatItem(chatName).locator('.chat-item-preview', { hasText: text });
    await window.shows(preview(group, /^eve: in the group$/));
    await window.shows(preview(two, /^You: in the chat of two$/));
    await bobSession.post(two.chatId, 'an answer');
    await window.shows(preview(two, /^an answer$/));
    await annSession.post(group.chatId, 'mine');
    await window.shows(preview(group, /^You: mine$/));
    await Promise.all([window.end(), annSession.close(), eveSession.close()]);
});
