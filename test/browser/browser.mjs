// Headless Chromium on a page of another origin than the server's: http://localhost:PORT, where
// the server is 127.0.0.1. The page has sockjs-client and @stomp/stompjs as their users get them;
// /sdk.html has whisp-sdk, bundled from what is built as its users' bundlers do that.
//
//     const browser = await startBrowser();
//     const page = await browser.page();                  // a profile of its own
//     await page.open(user, { transports: ['xhr-polling'] });
//     await page.post(chatId, ['hello']);                  // resolves at the RECEIPTs
//     const messages = await page.messages(1);
//     page.requests;                                       // what the browser asked the server for
//     await browser.stop();

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { within } from '../contract/harness.mjs';
import * as client from './client.mjs';

/** No request of its own leaves this machine: Chromium's services are off. */
export const LAUNCH = {
    executablePath: '/usr/bin/chromium', // Debian's package
    timeout: 30_000,
    args: ['--disable-background-networking', '--disable-component-update',
           '--disable-sync', '--disable-quic', '--disable-gpu', '--no-first-run'],
};
const WAIT = 15_000;

const modules = new URL('../node_modules/', import.meta.url);
const sdk = new URL('../../sdk/', import.meta.url);

/** whisp-sdk as one script, `Whisp` in the page. */
async function bundleSdk() {
    const { build } = createRequire(new URL('package.json', sdk))('esbuild');
    const { outputFiles: [{ contents }] } = await build({
        entryPoints: [fileURLToPath(new URL('dist/esm/index.js', sdk))], bundle: true, write: false,
        format: 'iife', globalName: 'Whisp', logLevel: 'silent',
    });
    return contents;
}

const files = {
    '/': ['text/html', () => `<!doctype html><meta charset="utf-8"><title>A shop</title><body>
        <script src="/sockjs.js"></script><script src="/stomp.js"></script>`],
    '/sockjs.js': ['text/javascript',
                   () => readFile(new URL('sockjs-client/dist/sockjs.min.js', modules))],
    '/stomp.js': ['text/javascript',
                  () => readFile(new URL('@stomp/stompjs/bundles/stomp.umd.min.js', modules))],
    '/sdk.html': ['text/html', () => '<!doctype html><meta charset="utf-8"><title>A shop</title><script src="/sdk.js"></script>'],
    '/sdk.js': ['text/javascript', bundleSdk],
    '/favicon.ico': ['image/png', () => ''],
};

/** What a page is sent with that may have no origin: to servers it is `null`. */
const SANDBOX = { 'content-security-policy': 'sandbox allow-scripts' };

/** Serves the page, at / and at /?sandbox; resolves with the HTTP server. */
async function serve() {
    const site = http.createServer(async (request, response) => {
        const [path, query] = request.url.split('?');
        const [type, content] = files[path] ?? [];
        response.writeHead(type ? 200 : 404, {
            'content-type': type ?? 'text/plain', ...(query === 'sandbox' && SANDBOX) });
        response.end(content ? await content() : '');
    });
    await new Promise((done) => site.listen(0, '127.0.0.1', done));
    return site;
}

class Page {
    /** Of each request to the server: `GET /info`; the session's part of a path left out. */
    requests = [];
    /** What the page wrote to its console as an error. */
    errors = [];
    #page;

    constructor(page, browser) {
        this.#page = page;
        this.browser = browser;
        page.on('request', (request) => this.#asked(request.method(), request.url()));
        page.on('websocket', (socket) => this.#asked('GET', socket.url()));
        page.on('pageerror', (error) => this.errors.push(error.message));
    }

    #asked(method, url) {
        const { pathname } = new URL(url);
        const at = pathname.replace('/api/wsConnect', '').replace(/^\/\d+\/\w+\//, '/');
        if (at !== pathname) {
            this.requests.push(`${method} ${at || '/'}`);
        }
    }

    /** Runs before the page's own scripts. */
    async prepare(script) {
        await this.#page.addInitScript(script);
        await this.#page.reload();
    }

    /**
     * Connects and subscribes, over SockJS with these transports (null: all of them), without
     * `transports` over a plain WebSocket; with a new ticket, which the page fetches, or `ticket`.
     * Resolves with the transport's name.
     */
    open(user, { transports, ticket, server = user.server } = {}) {
        return this.#run('open', { api: server.api, jwt: user.jwt, transports, ticket });
    }

    /** Sends messages; resolves when each has its RECEIPT. */
    post(chatId, texts) {
        return this.#run('post', { chatId, texts });
    }

    /** The texts of SEND_MSG events that came so far, once there are `count`. */
    messages(count) {
        return this.#run('messages', count);
    }

    /** DISCONNECT; resolves with the close event's [code, reason]. */
    close() {
        return this.#run('close');
    }

    /** The same, whoever closes. */
    closed() {
        return this.#run('closed');
    }

    #run(name, argument) {
        return within(WAIT, () => `the page's ${name} did not end; it asked for ` +
            this.requests.slice(-20).join(', '),
                      this.#page.evaluate(`(${client[name]})(${JSON.stringify(argument)})`));
    }

    async end() {
        await this.#page.context().close();
        assert.deepEqual(this.errors, []);
    }
}

class Browser {
    #chromium;
    #site;

    constructor(browser, site) {
        this.#chromium = browser;
        this.#site = site;
    }

    get origin() {
        return `http://localhost:${this.#site.address().port}`;
    }

    /** A page of Playwright's that shows nothing yet, in a profile of its own. */
    async blank() {
        return (await this.#chromium.newContext()).newPage();
    }

    async page(path = '/') {
        const page = await this.blank();
        const opened = new Page(page, this);
        await page.goto(this.origin + path);
        return opened;
    }

    async stop() {
        await this.#chromium?.close();
        this.#site.closeAllConnections();
        await new Promise((done) => this.#site.close(done));
    }
}

export async function startBrowser() {
    const site = await serve();
    try {
        return new Browser(await chromium.launch(LAUNCH), site);
    } catch (error) {
        await new Browser(undefined, site).stop();
        throw error;
    }
}

