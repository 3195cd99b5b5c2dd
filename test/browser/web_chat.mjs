// examples/web-chat as it is started, and people in windows of it.
//
//     const site = await startWebChat({ WHISP_URL, WHISP_API_KEY });
//     const ann = await openWindow(browser, site.url);
//     await ann.signUp('ann');
//     await ann.say('hello');

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Program } from '../../sdk/test/integration/program.mjs';
import { PASSWORD } from '../contract/harness.mjs';

const main = fileURLToPath(new URL('../../examples/web-chat/server/main.js', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WAIT = 10_000;

/** Its backend on a free port: {url, stop()}; rejects with what it wrote if it ends instead. */
export async function startWebChat(env) {
    const { WHISP_URL, WHISP_API_KEY, ...inherited } = process.env;
    const program = new Program([main], { env: { ...inherited, PORT: '0', ...env } });
    const [, url] = await program.said(/^Web chat: (http:\/\/localhost:\d+)/);
    return { url, stop: () => program.exit('SIGTERM') };
}

/** A window with a profile of its own; `prepare` runs in each page before its scripts. */
export async function openWindow(browser, url, options = {}, prepare = undefined) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, locale: 'en-GB', ...options });
    context.setDefaultTimeout(WAIT);
    if (prepare) {
        await context.addInitScript(prepare);
    }
    const page = await context.newPage();
    const window = new Window(context, page);
    await page.goto(url);
    return window;
}

/** Runs in the page: what fades in or out is there. */
function endAnimations() {
    for (const animation of document.getAnimations()) {
        if (Number.isFinite(animation.effect.getComputedTiming().endTime)) {
            animation.finish();
        }
    }
}

class Window {
    /** What went wrong in the page. */
    errors = [];

    constructor(context, page) {
        this.context = context;
        this.page = page;
        page.on('pageerror', (error) => this.errors.push(error.message));
        // Requests that fail, while there is no server, are reported there, too.
        page.on('console', (message) => message.type() === 'error' &&
            !/Failed to load resource|WebSocket connection|net::ERR/.test(message.text()) && this.errors.push(message.text()));
    }

    button(name, where = this.page) {
        return where.getByRole('button', { name, exact: true });
    }

    get composer() {
        return this.page.getByRole('textbox', { name: 'Message' });
    }

    get log() {
        return this.page.getByRole('log');
    }

    /** The newest message that has this text, quotes apart. */
    message(text) {
        return this.log.locator('.message').filter({ has: this.page.locator('.text', { hasText: text }) }).last();
    }

    async shows(locator) {
        await locator.waitFor();
    }

    async lacks(locator) {
        await locator.waitFor({ state: 'detached' });
    }

    async signUp(username) {
        await this.button('Create an account').click();
        await this.page.getByLabel('Username').fill(username);
        await this.page.getByLabel('Email').fill(`${username}@example.com`);
        await this.page.getByLabel('Password').fill(PASSWORD);
        await this.button('Create account').click();
        await this.shows(this.page.locator('.own-name', { hasText: username }));
    }

    async signIn(username, password = PASSWORD) {
        await this.page.getByLabel('Username').fill(username);
        await this.page.getByLabel('Password').fill(password);
        await this.button('Sign in').click();
    }

    async say(text) {
        await this.composer.fill(text);
        await this.composer.press('Enter');
        await this.shows(this.message(text).getByRole('img', { name: 'Delivered' }));
    }

    /** Points at a message and presses one of its buttons. */
    async act(text, action) {
        const message = this.message(text);
        await message.hover();
        await this.button(action, message).click();
    }

    /** Presses the banner's button, unless the client came back by itself a moment before. */
    async retryNow() {
        await this.page.evaluate(() => document.querySelector('.banner.waiting button')?.click());
    }

    chatItem(name) {
        return this.page.getByRole('navigation').getByRole('button', { name });
    }

    /** Nothing that axe finds serious; by dark the colours are what can be wrong. */
    async isAccessible(where, themes = ['light', 'dark']) {
        await this.page.evaluate(axe);
        for (const colorScheme of themes) {
            await this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
            await this.page.evaluate(endAnimations);
            const { violations } = await this.page.evaluate((only) => globalThis.axe.run(document, only),
                colorScheme === 'dark' ? { runOnly: ['color-contrast'] } : {});
            const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
            assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html, failureSummary }) => html + failureSummary)]),
                             [], `${where}, ${colorScheme}`);
        }
        await this.page.emulateMedia({ colorScheme: 'light' });
    }

    async end() {
        await this.context.close();
        assert.deepEqual(this.errors, []);
    }
}
