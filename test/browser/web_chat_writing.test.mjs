// examples/web-chat: writing, with input methods, long texts, refusals, reloads and without a connection.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { createChat, createKey, createTenant, createUser, eventually, startServer } from '../contract/harness.mjs';
import { connect } from '../contract/realtime.mjs';
import { LAUNCH } from './browser.mjs';
import { openWindow, startWebChat } from './web_chat.mjs';

let server, app, key, browser, site, ann, bob, chat, window;

before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off', '--demo-users', '6'] });
    let users;
    ({ app, users } = await createTenant(server, 'ann', 'bob'));
    [ann, bob] = users;
    key = await createKey(app);
    [site, browser] = await Promise.all([
        startWebChat({ WHISP_URL: server.api, WHISP_API_KEY: key.token }), chromium.launch(LAUNCH)]);
    chat = await createChat(ann, bob);
    window = await openAs('ann');
    await window.chatItem(chat.chatName).click();
    await window.shows(window.composer);
});
after(async () => {
    await window?.end();
    await browser?.close();
    await site?.stop();
    await server?.stop();
});

async function openAs(username, options) {
    const opened = await openWindow(browser, site.url, options);
    await opened.signIn(username);
    await opened.shows(opened.page.locator('.own-name', { hasText: username }));
    return opened;
}

const reasonOf = (one) => one.page.getByText(/^Not (sent|saved): /);

describe('the composer', () => {
    test('the Enter that ends a composition sends nothing', async () => {
        await window.composer.fill('にほんご');
        for (const init of [{ isComposing: true, keyCode: 13 }, { isComposing: false, keyCode: 229 }]) {
            await window.composer.evaluate((element, more) => element.dispatchEvent(
                new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...more })), init);
            assert.equal(await window.composer.inputValue(), 'にほんご');
        }
        await window.composer.press('Enter');
        await window.shows(window.message('にほんご'));
    });

    test('text past the limit is kept, and how much too long it is said', async () => {
        await window.composer.fill('😀'.repeat(10_002));
        await window.shows(window.page.getByText('10,000 characters at most: shorten this one by 2.'));
        assert.equal([...await window.composer.inputValue()].length, 10_002);
        assert.equal(await window.button('Send').isDisabled(), true);
        await window.composer.press('Enter');
        await window.composer.fill('😀'.repeat(10_000));
        await window.lacks(window.page.getByText('shorten this one'));
        await window.composer.press('Enter');
        await window.shows(window.message('😀'.repeat(10_000)).getByRole('img', { name: 'Delivered' }));
    });

    test('typing is told, deleting is not', async () => {
        const { chatId, chatName } = await createChat(ann, bob);
        const session = await connect(server, bob);
        const isConnected = async (text) => { // the mark goes by the connection
            const { messageId } = await session.post(chatId, text);
            await session.next({ type: 'READ_MSG', chatId, messageId });
        };
        await window.chatItem(chatName).click();
        await isConnected('knock');
        await window.composer.pressSequentially('abc');
        await session.next({ type: 'TYPING', chatId });
        await window.page.reload(); // the next letter would be told at once
        await isConnected('knock again');
        await window.composer.press('End');
        await window.composer.press('Backspace');
        await window.composer.press('Backspace');
        assert.equal(await window.composer.inputValue(), 'a');
        await session.none({ type: 'TYPING' }, { chat: chatId });
        await session.close();
        await window.chatItem(chat.chatName).click();
    });

    test('links are followed in a new tab, emoji alone are large, each text has its direction', async () => {
        await window.say('see https://a.example/x, and שלום');
        const link = window.message('see https').getByRole('link');
        assert.deepEqual(await link.evaluate(({ href, target, rel }) => [href, target, rel]),
                         ['https://a.example/x', '_blank', 'noopener noreferrer']);
        await window.say('🎉');
        await window.shows(window.page.locator('.text.large', { hasText: '🎉' }));
        await window.say('مرحبا');
        const direction = (text) => window.message(text).locator('.text').evaluate((element) => getComputedStyle(element).direction);
        assert.deepEqual([await direction('مرحبا'), await direction('see https')], ['rtl', 'ltr']);
    });
});

test('a refused edit keeps its text', async () => {
    await window.say('before the edit');
    let spoil = true;
    await window.page.routeWebSocket(/wsConnect/, (socket) => {
        const real = socket.connectToServer();
        socket.onMessage((frame) => {
            const spoilt = spoil && /EDIT_MSG/.test(frame);
            spoil &&= !spoilt;
            real.send(spoilt ? String(frame).replace(/("messageId":"[^"]*)[0-9a-f]{4}"/, '$10000"') : frame);
        });
    });
    await window.page.reload();
    await window.shows(window.message('before the edit'));
    await window.composer.press('ArrowUp');
    await window.composer.fill('a long text that nobody wants to write twice');
    await window.composer.press('Enter');
    await window.shows(reasonOf(window));
    await window.button('Edit again').click();
    assert.equal(await window.composer.inputValue(), 'a long text that nobody wants to write twice');
    await window.composer.press('Enter');
    await window.shows(window.message('a long text').getByText('edited'));
    await window.lacks(reasonOf(window));
});

describe('without a connection', () => {
    test('drafts and waiting messages outlive a reload', async () => {
        let isDown = true;
        await window.page.route('**/api/auth/getTicket', (route) => (isDown ? route.abort() : route.continue()));
        await window.page.reload();
        await window.shows(window.page.getByText('Connection lost.'));
        await window.composer.fill('written in the tunnel');
        await window.composer.press('Enter');
        await window.shows(window.message('written in the tunnel').getByText('Sending…'));
        await window.composer.fill('half a sentence');
        await window.page.reload();
        await window.shows(window.message('written in the tunnel').getByText('Sending…'));
        assert.equal(await window.composer.inputValue(), 'half a sentence');
        isDown = false;
        await window.retryNow();
        await window.shows(window.message('written in the tunnel').getByRole('img', { name: 'Delivered' }));
        await window.page.reload();
        await window.shows(window.message('written in the tunnel'));
        assert.equal(await window.log.locator('.text', { hasText: 'written in the tunnel' }).count(), 1);
        await window.composer.fill('');
    });

    test('a chat opened meanwhile has its names and messages as soon as there is one', async () => {
        const { chatId, chatName } = await createChat(bob, ann);
        const session = await connect(server, bob);
        await session.post(chatId, 'from bob');
        await session.close();
        await window.shows(window.chatItem(chatName));
        await window.context.setOffline(true);
        await window.shows(window.page.getByText('You are offline.'));
        await window.chatItem(chatName).click();
        await window.shows(window.page.getByText('The messages could not be read'));
        await window.context.setOffline(false);
        await window.shows(window.message('from bob').locator('.sender', { hasText: /^bob$/ }));
        await window.shows(window.page.locator('.chat-title p', { hasText: /^bob$/ }));
        await window.shows(window.chatItem(chatName).getByText('from bob'));
    });

    test('too many people: why, and at once when there is room', async () => {
        const others = await Promise.all(Array.from({ length: 5 }, async () => {
            const user = await createUser(app);
            return eventually('a place', () => connect(server, user).catch(() => null));
        }));
        const late = await openAs('bob');
        await late.shows(late.page.getByText('This chat is full right now: nobody more can connect.'));
        assert.equal(await late.page.getByText('Connection lost').count(), 0);
        await others[0].close();
        await late.retryNow();
        await late.lacks(late.page.getByText('This chat is full'));
        await Promise.all([late.end(), ...others.slice(1).map((session) => session.close())]);
    });

    test('signed out, this browser keeps nothing', async () => {
        const other = await openAs('bob');
        await other.chatItem(chat.chatName).click();
        await other.composer.fill('a secret');
        await other.button('Sign out').click();
        await other.shows(other.page.getByText('Welcome back'));
        assert.doesNotMatch(await other.page.evaluate(() => JSON.stringify(localStorage)), /secret/);
        await other.end();
    });
});

describe('names', () => {
    test('a long one of one\'s own leaves the way out in sight', async () => {
        const name = 'W'.repeat(60);
        await createUser(app, name);
        const long = await openAs(name);
        for (const width of [1280, 390, 320]) {
            await long.page.setViewportSize({ width, height: 700 });
            const box = await long.button('Sign out').boundingBox();
            assert.ok(box.x >= 0 && box.x + box.width <= (width > 720 ? 340 : width), `${width}: ${JSON.stringify(box)}`);
        }
        await long.end();
    });

    test('a chat without a name: of two by the other one, of emoji cut between letters', async () => {
        const names = Array.from({ length: 4 }, (_, i) => `${'🦊'.repeat(40)}${i}`);
        await Promise.all(names.map((name) => createUser(app, name)));
        const make = async (people) => {
            await window.button('New chat').click();
            await window.page.getByLabel('People').fill(people.join(','));
            await window.button('Create chat').click();
            await window.lacks(window.page.getByRole('dialog'));
        };
        await make(['bob']);
        await window.shows(window.page.locator('.chat-title h2', { hasText: /^bob$/ }));
        await window.shows(window.chatItem(/^bob .*No messages yet/));
        await make(names);
        await window.shows(window.page.locator('.chat-title h2', { hasText: /^ann, (🦊)+0, (🦊)+1, (🦊)+…$/u }));
    });
});

describe('the keyboard', () => {
    test('Ctrl+K finds a chat, the arrows go through the list', async () => {
        await window.page.keyboard.press('Control+k');
        await window.page.keyboard.type(chat.chatName);
        await window.page.keyboard.press('ArrowDown');
        assert.match(await window.page.evaluate(() => document.activeElement.innerText), new RegExp(chat.chatName));
        await window.page.keyboard.press('ArrowUp');
        await window.page.keyboard.press('Enter');
        await window.shows(window.page.locator('.chat-title h2', { hasText: chat.chatName }));
    });

    test('the messages are one stop of Tab, the arrows go through them, Tab goes on to the actions', async () => {
        await window.shows(window.message('written in the tunnel'));
        assert.equal(await window.log.locator('.message[tabindex="0"]').count(), 1);
        const focused = (what) => window.page.evaluate(what);
        await window.composer.focus();
        await window.log.locator('.message[tabindex="0"]').focus();
        await window.page.keyboard.press('ArrowUp');
        await window.page.keyboard.press('ArrowUp');
        const texts = await window.log.locator('.message .text').allInnerTexts();
        assert.equal(await focused(() => document.activeElement.querySelector('.text').innerText), texts.at(-3));
        await window.page.keyboard.press('Tab');
        assert.equal(await focused(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.outerHTML), 'React');
    });
});

test('on a telephone the actions cover no text', async () => {
    const phone = await openAs('ann', { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true });
    await phone.page.locator('.chat-item', { hasText: chat.chatName }).tap();
    for (const text of ['before the edit', 'written in the tunnel']) {
        const message = text === 'before the edit' ? phone.message('a long text') : phone.message(text);
        await message.locator('.text').tap();
        await phone.shows(phone.button('Reply', message));
        const covered = await message.evaluate((element) => {
            const actions = element.querySelector('.message-actions').getBoundingClientRect();
            return [...document.querySelectorAll('.message .text')].filter((one) => {
                const { top, bottom } = one.getBoundingClientRect();
                return bottom > actions.top && top < actions.bottom;
            }).map((one) => one.innerText);
        });
        assert.deepEqual(covered, []);
        await phone.button('React', message).tap();
        const picker = await phone.page.getByRole('group', { name: 'Pick a reaction' }).boundingBox();
        assert.ok(picker.x >= 0 && picker.x + picker.width <= 320, JSON.stringify(picker));
        await message.locator('.text').tap();
    }
    await phone.end();
});
