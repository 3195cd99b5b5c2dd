// The pages for browsers, followed to the letter and looked at as users do: the backend that holds
// the API key, the React example served by Vite, and the snippets of the SDK's page.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { newKey, PASSWORD, startServer } from '../contract/harness.mjs';
import { blocks, follow } from '../../sdk/test/integration/documents.mjs';
import { person } from '../../sdk/test/integration/people.mjs';
import { startBrowser } from './browser.mjs';

const { build } = createRequire(new URL('../../sdk/package.json', import.meta.url))('esbuild');

/** Vite takes no 0; it takes the next one if another program is quicker. */
async function freePort() {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address();
    taken.close();
    await once(taken, 'close');
    return port;
}

let browser, server, key;

before(async () => {
    browser = await startBrowser();
    server = await startServer({ args: ['--message-rate', 'off'] });
    key = await newKey(server);
});
after(async () => {
    await browser?.stop();
    await server?.stop();
});

describe('the quickstart', () => {
    let folder, url;
    const opened = [];

    before(async () => {
        folder = follow('docs/quickstart-browser.md');
        folder.change('server.mjs', '3000', '0');
        folder.change('main.jsx', 'http://127.0.0.1:8080', server.api);
        const backend = folder.run('server.mjs', { WHISP_URL: server.api, WHISP_API_KEY: key.token });
        const [, address] = await backend.said(/backend on (\S+)/);
        folder.change('vite.config.js', 'http://127.0.0.1:3000', address);
        const vite = folder.run('node_modules/vite/bin/vite.js', {}, ['--port', `${await freePort()}`, '--host', '127.0.0.1']);
        [, url] = await vite.said(/Local: +(\S+)/);
    });
    after(() => folder?.remove());

    async function visit() {
        const page = await browser.blank();
        const seen = { said: [], heard: [], wrong: [] };
        page.on('request', (request) => seen.said.push(
            [request.url(), JSON.stringify(request.headers()), request.postData()].join(' ')));
        page.on('response', (response) => {
            if (response.url().includes('/auth/')) {
                seen.heard.push(response.text());
            }
        });
        page.on('pageerror', (error) => seen.wrong.push(error.message));
        await page.goto(url);
        opened.push(seen);
        return page;
    }

    async function signUp(name) {
        const page = await visit();
        const form = page.locator('form', { hasText: 'Or register' });
        await form.getByLabel('Name').fill(name);
        await form.getByLabel('Email').fill(`${name}@example.com`);
        await form.getByLabel('Password').fill(PASSWORD);
        await form.getByRole('button').click();
        await page.getByText('connected', { exact: true }).waitFor();
        return page;
    }

    async function signIn(page, name, password) {
        const form = page.locator('form', { hasText: 'Password' }).first();
        await form.getByLabel('Name').fill(name);
        await form.getByLabel('Password').fill(password);
        await form.getByRole('button').click();
    }

    async function say(page, text) {
        await page.getByLabel('Message').fill(text);
        await page.getByRole('button', { name: 'Send' }).click();
    }

    const sees = (page, text) => page.getByText(text, { exact: true }).waitFor();

    let ann, bob;

    test('two users register, find one another and talk', async () => {
        ann = await signUp('ann');
        bob = await signUp('bob');
        await ann.getByLabel('Chat with').fill('nobody');
        await ann.getByRole('button', { name: 'Start' }).click();
        await ann.getByRole('alert').filter({ hasText: 'nobody' }).waitFor();
        await ann.getByLabel('Chat with').fill('bob');
        await ann.getByRole('button', { name: 'Start' }).click();
        await bob.getByRole('button', { name: 'ann and bob' }).click();
        await ann.getByLabel('Message').pressSequentially('Hello');
        await sees(bob, 'typing…');
        await say(ann, 'Hello, Bob!');
        await sees(ann, 'You: Hello, Bob!');
        await sees(bob, 'They: Hello, Bob!');
        await say(bob, 'Hello, Ann!');
        await sees(ann, 'They: Hello, Ann!');
        assert.deepEqual(await ann.getByRole('listitem').allInnerTexts(), ['You: Hello, Bob!', 'They: Hello, Ann!']);
    });

    test('offline and back: what was missed is there, each message once', async () => {
        await bob.context().setOffline(true);
        await sees(bob, 'reconnecting');
        await say(ann, 'Are you there?');
        await sees(ann, 'You: Are you there?');
        await bob.context().setOffline(false);
        await sees(bob, 'They: Are you there?');
        await sees(bob, 'connected');
        assert.equal(await bob.getByRole('listitem').count(), 3);
    });

    test('a reload keeps the sign-in; a sign-out ends it', async () => {
        await ann.reload();
        await ann.getByRole('button', { name: 'ann and bob' }).click();
        await sees(ann, 'You: Are you there?');
        await ann.getByRole('button', { name: 'Sign out' }).click();
        await ann.getByRole('heading', { name: 'Sign in' }).waitFor();
        await ann.reload();
        await ann.getByRole('heading', { name: 'Sign in' }).waitFor();
        await signIn(ann, 'ann', 'not the password');
        await ann.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
        await signIn(ann, 'ann', PASSWORD);
        await sees(ann, 'connected');
    });

    test('signed out on another device: the login screen, and a way back', async () => {
        const desk = await person(server, key, 'bob', { known: true });
        await desk.client.logoutAll();
        await bob.getByRole('heading', { name: 'Sign in' }).waitFor();
        await signIn(bob, 'bob', PASSWORD);
        await sees(bob, 'connected');
        await bob.getByRole('button', { name: 'ann and bob' }).click();
        await sees(bob, 'You: Hello, Ann!');
    });

    test('the browsers have never seen the API key', async () => {
        for (const { said, heard, wrong } of opened) {
            const all = [...said, ...await Promise.all(heard)].join('\n');
            assert.match(all, /authorization.*refreshToken/s);
            assert.ok(!all.includes(key.token) && !all.includes('x-api-key'));
            assert.deepEqual(wrong, []);
        }
    });
});

describe('the SDK\'s page', () => {
    const page = 'sdk/README.md';
    let folder, carl, dora, chatId;

    before(async () => {
        folder = follow(page);
        ['react', 'react-dom'].forEach((name) => folder.install(name));
        [carl, dora] = [await person(server, key, 'carl'), await person(server, key, 'dora')];
        ({ chatId } = await carl.client.createChat('Long', ['carl', 'dora']));
    });
    after(async () => {
        [carl, dora].forEach((one) => one?.client.realtime.disconnect());
        await folder?.remove();
    });

    test('its browser snippet signs in, its React snippet shows a chat', async () => {
        await carl.post(chatId, Array.from({ length: 60 }, (_, i) => `number ${i}`));
        const all = blocks(page);
        const signIn = all.find(({ code }) => code.includes('setAuth({ jwt'));
        const component = all.find(({ language }) => language === 'jsx');
        folder.save('page.jsx', `
            import React from 'react';
            import { createRoot } from 'react-dom/client';
            import { WhispClient } from 'whisp-sdk';
            ${component.code}
            const { jwt, refreshToken, userId } = window.auth;
            ${signIn.code.replace('https://chat.example.com', server.api)}
            createRoot(document.body).render(<Chat whisp={whisp} chatId="${chatId}" />);`);
        const { outputFiles: [{ text }] } = await build({
            entryPoints: [folder.path('page.jsx')], bundle: true, write: false, format: 'esm', target: 'es2022' });
        const opened = await browser.blank();
        await opened.goto(`${browser.origin}/sdk.html`);
        await opened.evaluate((auth) => { window.auth = auth; }, dora.client.getAuth());
        await opened.addScriptTag({ type: 'module', content: text });
        await opened.getByText('number 59', { exact: true }).waitFor();
        assert.equal(await opened.getByText(/^number/).count(), 50);
        await opened.getByRole('button', { name: 'Older' }).click();
        await opened.getByText('number 0', { exact: true }).waitFor();
        assert.deepEqual(await opened.getByText(/^number/).allInnerTexts(),
                         Array.from({ length: 60 }, (_, i) => `number ${i}`));
        await carl.client.realtime.sendTyping(chatId);
        await opened.getByText('…', { exact: true }).waitFor();
        await opened.context().close();
    });
});
