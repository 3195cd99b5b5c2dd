// examples/web-chat: two people in two windows use everything that it has, through its own backend.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { api, createChat, createKey, createTenant, expectStatus, signIn, startServer } from '../contract/harness.mjs';
import { connect } from '../contract/realtime.mjs';
import { LAUNCH } from './browser.mjs';
import { openWindow, startWebChat } from './web_chat.mjs';

let server, app, key, browser, site, ann, bob, firstJwt;
const storedJwt = `JSON.parse(localStorage.getItem('whisp-web-chat')).jwt`;
const TEXTS = Array.from({ length: 160 }, (_, i) => `line ${i + 1}`);

before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off', '--user-token-ttl', '5s'] });
    ({ app } = await createTenant(server));
    key = await createKey(app);
    [site, browser] = await Promise.all([
        startWebChat({ WHISP_URL: server.api, WHISP_API_KEY: key.token }), chromium.launch(LAUNCH)]);
    [ann, bob] = await Promise.all([openWindow(browser, site.url), openWindow(browser, site.url)]);
});
after(async () => {
    await browser?.close();
    await site?.stop();
    await server?.stop();
});

describe('the backend', () => {
    const post = (path, body, headers = {}) => fetch(site.url + path, {
        method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

    test('says what to set', async () => {
        await assert.rejects(startWebChat({}), { code: 1, message: /WHISP_URL and WHISP_API_KEY are not set/ });
        await assert.rejects(startWebChat({ WHISP_URL: server.api }), { code: 1, message: /WHISP_API_KEY is not set/ });
    });

    test('takes JSON, a little of it, from its own page', async () => {
        const user = JSON.stringify({ username: 'nobody', password: 'x' });
        assert.equal((await post('/sign-in', user)).status, 401);
        assert.equal((await post('/sign-in', user, { origin: 'https://elsewhere.example' })).status, 403);
        assert.equal((await post('/sign-in', user, { 'content-type': 'text/plain' })).status, 415);
        assert.equal((await post('/sign-in', 'x')).status, 400);
        assert.equal((await post('/sign-in', `"${'x'.repeat(5000)}"`)).status, 413);
        assert.equal((await fetch(`${site.url}/../server/main.js`)).status, 404);
    });
});

test('signing up, being refused, signing in', async () => {
    await Promise.all([ann.isAccessible('sign-in'), bob.signUp('bob')]);
    await ann.signUp('ann');
    await ann.shows(ann.page.getByText('No chats yet'));
    await ann.isAccessible('no chats', ['light']);
    await ann.button('Sign out').click();
    await ann.signIn('ann', 'not the password');
    await ann.shows(ann.page.getByRole('alert').filter({ hasText: 'do not fit' }));
    await ann.signIn('ann');
    await ann.shows(ann.page.getByText('No chats yet'));
    firstJwt = await ann.page.evaluate(storedJwt);
    assert.doesNotMatch(await ann.page.content(), new RegExp(key.token.slice(0, 40)));
});

test('a chat is made, and appears at the other one', async () => {
    await ann.button('New chat').click();
    await ann.page.getByLabel('People').fill('bob,');
    await ann.page.getByLabel('Name of the chat').fill('Lunch');
    await ann.isAccessible('new chat', ['light']);
    await ann.button('Create chat').click();
    await ann.shows(ann.page.getByText('Nothing here yet'));
    await ann.isAccessible('an empty chat', ['light']);
    await bob.chatItem('Lunch').click();
    await bob.shows(bob.page.getByRole('heading', { name: 'Lunch' }));
});

test('messages, Shift+Enter, who types, who has seen', async () => {
    await bob.composer.pressSequentially('Hm');
    await ann.shows(ann.page.getByText('bob is typing…'));
    await ann.composer.pressSequentially('two');
    await ann.composer.press('Shift+Enter');
    await ann.composer.pressSequentially('lines');
    await ann.composer.press('Enter');
    await bob.shows(bob.message('two\nlines'));
    await ann.shows(ann.message('two').getByText('Seen by bob'));
    await bob.say('Hello, Ann');
    await ann.shows(ann.message('Hello, Ann'));
    await ann.lacks(ann.page.getByText('bob is typing…'));
    assert.equal(await ann.page.locator('.day').innerText(), 'Today');
    assert.equal(await ann.log.locator('[tabindex="0"]').count(), 1); // where Tab goes
});

test('replies, and the way to what they quote', async () => {
    await ann.act('Hello, Ann', 'Reply');
    await ann.shows(ann.page.getByText('Reply to bob'));
    await ann.composer.press('Escape');
    await ann.lacks(ann.page.getByText('Reply to bob'));
    await ann.act('Hello, Ann', 'Reply');
    await ann.say('Hello, Bob');
    const quote = bob.message('Hello, Bob').locator('.quote');
    assert.match(await quote.innerText(), /You\s+Hello, Ann/);
    await quote.click();
    await bob.shows(bob.page.locator('.message.marked', { hasText: 'Hello, Ann' }));
});

test('edits: Up, Esc, the mark, the quote too', async () => {
    await bob.composer.press('ArrowUp');
    assert.equal(await bob.composer.inputValue(), 'Hello, Ann');
    await bob.composer.press('Escape');
    assert.equal(await bob.composer.inputValue(), '');
    await bob.composer.press('ArrowUp');
    await bob.composer.fill('Hi, Ann');
    await bob.composer.press('Enter');
    await ann.shows(ann.message('Hi, Ann').getByText('edited'));
    await ann.shows(ann.message('Hello, Bob').locator('.quote', { hasText: 'Hi, Ann' }));
});

test('reactions: six to pick from, counted, toggled', async () => {
    await ann.act('Hi, Ann', 'React');
    assert.equal(await ann.page.getByRole('group', { name: 'Pick a reaction' }).getByRole('button').count(), 6);
    await ann.isAccessible('a chat');
    await ann.button('Party').click();
    const atBob = bob.message('Hi, Ann').locator('.reaction'), atAnn = ann.message('Hi, Ann').locator('.reaction');
    await atBob.click();
    await ann.shows(atAnn.filter({ hasText: '2' }));
    assert.equal(await atAnn.getAttribute('aria-pressed'), 'true');
    await atAnn.click();
    await bob.shows(atBob.filter({ hasText: '1' }));
    await ann.shows(ann.message('Hi, Ann').locator('.reaction[aria-pressed="false"]'));
});

test('a message is deleted for both', async () => {
    await bob.say('Oops');
    await ann.shows(ann.message('Oops'));
    await bob.act('Oops', 'Delete');
    await bob.button('Delete', bob.page.getByRole('dialog')).click();
    await ann.lacks(ann.message('Oops'));
    await ann.shows(ann.message('Hello, Bob'));
});

test('a message that is refused: why, and again', async () => {
    let spoil = true;
    await ann.page.routeWebSocket(/wsConnect/, (socket) => {
        const real = socket.connectToServer();
        socket.onMessage((frame) => {
            // Into a chat that is not there, once.
            const spoilt = spoil && /SEND_MSG/.test(frame);
            spoil &&= !spoilt;
            real.send(spoilt ? String(frame).replace(/("chatId":"[^"]*)[0-9a-f]{4}"/, '$10000"') : frame);
        });
    });
    await ann.page.reload(); // which also restores the sign-in and the open chat
    await ann.shows(ann.message('Hello, Bob'));
    await ann.composer.fill('Once more');
    await ann.composer.press('Enter');
    await ann.shows(ann.page.getByText('Not sent:'));
    assert.equal(await bob.message('Once more').count(), 0);
    await ann.button('Retry').click();
    await ann.shows(ann.message('Once more').getByRole('img', { name: 'Delivered' }));
    await bob.shows(bob.message('Once more'));
    await ann.lacks(ann.page.getByText('Not sent:'));
});

test('read only when it is looked at; unread badges, previews, the latest chat first', async () => {
    const [a, b] = await Promise.all(['ann', 'bob'].map((name) => signIn(app, name)));
    await createChat(a, b);
    await bob.shows(bob.page.locator('.chat-list li:first-child', { hasText: 'chat-' }));
    await bob.page.evaluate(() => {
        document.hasFocus = () => false;
        window.dispatchEvent(new Event('blur'));
    });
    await ann.say('Are you there?');
    const first = bob.page.locator('.chat-list li:first-child');
    await bob.shows(first.filter({ hasText: 'Lunch' }).filter({ hasText: 'Are you there?' }).locator('.badge'));
    assert.match(await first.locator('.badge').innerText(), /^1/);
    assert.equal(await ann.message('Are you there?').getByText('Seen').count(), 0);
    await bob.page.evaluate(() => {
        document.hasFocus = () => true;
        window.dispatchEvent(new Event('focus'));
    });
    await ann.shows(ann.message('Are you there?').getByText('Seen by bob'));
    await bob.lacks(first.locator('.badge'));
});

test('a lost connection: the banner, and what was written meanwhile', async () => {
    await bob.context.setOffline(true);
    await bob.shows(bob.page.getByText('You are offline.'));
    await bob.composer.fill('From the tunnel');
    await bob.composer.press('Enter');
    await bob.shows(bob.message('From the tunnel').getByText('Sending…'));
    await bob.context.setOffline(false);
    await bob.shows(bob.page.getByText('Back online'));
    await ann.shows(ann.message('From the tunnel'));
    await bob.shows(bob.message('From the tunnel').getByRole('img', { name: 'Delivered' }));
    await server.kill9();
    await bob.shows(bob.page.getByText(/Reconnecting in \d+ s…/));
    await server.restart();
    await bob.shows(bob.page.getByText('Back online'));
    await bob.say('There you are');
    await ann.shows(ann.message('There you are'));
});

test('a long history: read upwards without a jump, and from a quote', async () => {
    const [a, b] = await Promise.all(['ann', 'bob'].map((name) => signIn(app, name)));
    const { chatId, chatName } = await createChat(a, b);
    const session = await connect(server, b);
    const first = await session.post(chatId, TEXTS[0]);
    await Promise.all(TEXTS.slice(1).map((text) => session.post(chatId, text)));
    await session.send({ type: 'REPLY', chatId, messageId: first.messageId, message: 'as I said' });
    await session.close();
    const badge = ann.chatItem(chatName).locator('.badge');
    await ann.shows(badge);
    expectStatus(await api(a, 'GET', `/api/messages/getMessages/${chatId}?size=1`), 200); // read, elsewhere
    await ann.lacks(badge);
    await ann.chatItem(chatName).click();
    await ann.shows(ann.message('as I said'));
    assert.equal(await ann.log.locator('.message').count(), 50);

    // Where the topmost visible message is, before and after older ones came.
    const moved = await ann.log.evaluate(async (box) => {
        const anchor = box.querySelectorAll('.message')[3];
        const place = () => anchor.getBoundingClientRect().top - box.getBoundingClientRect().top;
        const frame = () => new Promise((done) => requestAnimationFrame(done));
        box.scrollTop = 120;
        await frame();
        const before = place();
        while (box.querySelectorAll('.message').length < 100) {
            await frame();
        }
        await frame();
        await frame();
        return place() - before;
    });
    assert.ok(Math.abs(moved) < 2, `moved by ${moved} pixels`);
    await ann.button('Latest messages').click();
    await ann.message('as I said').locator('.quote').click();
    await ann.shows(ann.page.locator('.message.marked', { hasText: 'line 1' }));
    await ann.shows(ann.page.getByText('This is where it began.'));
    assert.deepEqual(await ann.log.locator('.message .text').allInnerTexts(), [...TEXTS, 'as I said']);
});

test('people are added and removed, the chat renamed, left, deleted', async () => {
    const carl = await openWindow(browser, site.url);
    await carl.signUp('carl');
    await ann.chatItem('Lunch').click();
    await ann.button('Chat details').click();
    const dialog = ann.page.getByRole('dialog');
    await ann.page.getByLabel('Add someone').fill('nobody at all');
    await ann.button('Add', dialog).click();
    await ann.shows(dialog.getByRole('alert'));
    await ann.page.getByLabel('Add someone').fill('carl');
    await ann.button('Add', dialog).click();
    await carl.shows(carl.chatItem('Lunch'));
    await ann.shows(dialog.getByText('3 people'));
    await ann.page.getByLabel('Name', { exact: true }).fill('Dinner');
    await ann.button('Rename', dialog).click();
    await Promise.all([bob, carl].map((one) => one.shows(one.chatItem('Dinner'))));
    await ann.isAccessible('chat details', ['light']);
    await carl.chatItem('Dinner').click();
    await ann.button('Remove carl', dialog).click();
    const sure = ann.page.getByRole('dialog', { name: 'Remove carl?' });
    await ann.button('Cancel', sure).click();
    await ann.lacks(sure);
    await ann.shows(dialog.getByText('3 people'));
    await ann.button('Remove carl', dialog).click();
    await ann.button('Remove', sure).click();
    await carl.shows(carl.page.getByText('You are not in “Dinner” any more.'));
    await carl.shows(carl.page.getByText('No chats yet'));
    await ann.shows(dialog.getByText('2 people'));

    await bob.chatItem('Dinner').click();
    await bob.button('Chat details').click();
    assert.equal(await bob.button('Delete chat').count(), 0);
    await bob.button('Leave chat').click();
    await bob.button('Leave').click();
    await bob.lacks(bob.chatItem('Dinner'));
    await ann.shows(dialog.getByText('1 person'));
    await ann.button('Delete chat').click();
    await ann.button('Delete chat', ann.page.getByRole('dialog', { name: 'Delete Dinner?' })).click();
    await ann.lacks(ann.chatItem('Dinner'));
    await ann.shows(ann.page.getByText('Pick a chat'));
    assert.equal(await ann.page.getByText('was deleted.').count(), 0); // she knows
    await carl.end();
});

test('on a telephone: one pane at a time', async () => {
    const phone = await openWindow(browser, site.url, {
        viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await phone.signIn('bob');
    await phone.isAccessible('the chats, on a telephone', ['light']);
    await phone.page.locator('.chat-item').first().tap();
    await phone.shows(phone.message('as I said'));
    assert.equal(await phone.page.getByRole('navigation').isVisible(), false);
    await phone.isAccessible('a chat, on a telephone', ['light']);
    await phone.message('as I said').locator('.text').tap();
    await phone.button('Edit', phone.message('as I said')).tap();
    await phone.composer.fill('as I said before');
    await phone.button('Save the edit').tap();
    await phone.shows(phone.message('as I said before').getByText('edited'));
    assert.ok(await phone.page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'scrolls sideways');
    await phone.button('Back to the chats').tap();
    await phone.shows(phone.page.getByRole('heading', { name: 'Chats' }));
    assert.equal(await phone.composer.isVisible(), false);
    await phone.end();
});

test('a renewed sign-in is kept', async () => {
    await ann.page.reload(); // JWTs live for 5 s here, and the first one is older
    await ann.page.waitForFunction(`${storedJwt} !== '${firstJwt}'`);
    await ann.shows(ann.page.getByText('Pick a chat'));
});

test('signed out: on every tab of it, and after a reload', async () => {
    const tab = await ann.context.newPage();
    await tab.goto(site.url);
    await tab.getByText('Pick a chat').waitFor();
    await ann.button('Sign out').click();
    await tab.getByText('Welcome back').waitFor();
    await ann.page.reload();
    await ann.shows(ann.page.getByText('Welcome back'));
    await Promise.all([ann.end(), bob.end()]);
});
