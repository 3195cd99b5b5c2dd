// Clients as a product's page has them, in a browser, on a page of another origin: sockjs-client on
// each transport that a browser has for it, @stomp/stompjs over these and over a plain WebSocket.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createChat, createTenant, getTicket, startServer } from '../contract/harness.mjs';
import { connect } from '../contract/realtime.mjs';
import { startBrowser } from './browser.mjs';

/** Each transport, and what of the server it must use. */
const TRANSPORTS = {
    'websocket': ['GET /websocket'],
    'xhr-streaming': ['POST /xhr_streaming', 'POST /xhr_send'],
    'xhr-polling': ['POST /xhr', 'POST /xhr_send'],
    'eventsource': ['GET /eventsource', 'POST /xhr_send'],
    'iframe-eventsource': ['GET /iframe.html', 'GET /eventsource', 'POST /xhr_send'],
    'iframe-htmlfile': ['GET /iframe.html', 'GET /htmlfile', 'POST /xhr_send'],
    'iframe-xhr-polling': ['GET /iframe.html', 'POST /xhr', 'POST /xhr_send'],
    'jsonp-polling': ['GET /jsonp', 'POST /jsonp_send'],
};
const NAMES = Object.keys(TRANSPORTS);

let browser, server, ann, bob;

/** The iframe page takes sockjs-client from where the page has it. */
const start = (...more) => startServer({
    args: ['--request-rate', 'off', '--message-rate', 'off', '--threads', '2',
           '--sockjs-url', `${browser.origin}/sockjs.js`, ...more],
});

before(async () => {
    browser = await startBrowser();
    server = await start();
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
});
after(async () => {
    await browser?.stop();
    await server?.stop();
});

/** Texts that are hard on encodings, together more than one streaming answer holds (128 KiB). */
const hard = (name) => Array.from({ length: 20 }, (_, i) =>
    `${name} ${i} 100 %41 \u0085\u2028\u200d\ufffe😀 </script><!-- "\\ é中 ${'x'.repeat(8000)}`);

/** Opens, says and hears all of it, closes. */
async function talk(page, transports) {
    const { chatId } = await createChat(ann, bob);
    const sender = await connect(server, bob);
    const transport = await page.open(ann, { transports });
    const own = hard('own'), others = hard('other');
    await page.post(chatId, own);
    assert.deepEqual(await page.messages(own.length), own);
    for (const message of others) {
        await sender.send({ type: 'SEND_MSG', chatId, message });
    }
    const all = await page.messages(own.length + others.length);
    assert.deepEqual(all.slice(own.length), others);
    const [code] = await page.close();
    assert.equal(code, 1000);
    await sender.close();
    return transport;
}

test('@stomp/stompjs over a plain WebSocket', async () => {
    const page = await browser.page();
    assert.equal(await talk(page), 'plain');
    assert.deepEqual(page.requests, ['GET /']);
    await page.end();
});

describe('@stomp/stompjs over sockjs-client', () => {
    for (const [transport, wanted] of Object.entries(TRANSPORTS)) {
        test(transport, async () => {
            const page = await browser.page();
            assert.equal(await talk(page, [transport]), transport);
            const asked = new Set(page.requests);
            const used = ['GET /info', ...wanted];
            assert.deepEqual(used.filter((request) => !asked.has(request)), [], 'not asked for');
            // Beside these a preflight for each URL that needs one.
            const rest = [...asked].filter((request) => !request.startsWith('OPTIONS '));
            assert.deepEqual(rest.filter((request) => !used.includes(request)), [], 'asked for');
            await page.end();
        });
    }

    // A sandboxed frame, or a file. sockjs-client has these two there, and asks for /info with
    // credentials.
    for (const transport of ['websocket', 'eventsource']) {
        test(`${transport}, on a page without an origin`, async () => {
            const page = await browser.page('/?sandbox');
            assert.equal(await page.open(ann, { transports: [transport] }), transport);
            assert.equal((await page.close())[0], 1000);
            await page.end();
        });
    }

    test('at its own choice: a WebSocket', async () => {
        const page = await browser.page();
        assert.equal(await page.open(ann, { transports: null }), 'websocket');
        assert.deepEqual((await page.close())[0], 1000);
        await page.end();
    });

    test('a WebSocket that stays mute: on to the next transport, with the same ticket', async () => {
        const page = await browser.page();
        await page.prepare(`window.WebSocket = class extends WebSocket { set onmessage(_) {} }`);
        const ticket = await getTicket(ann);
        assert.equal(await page.open(ann, { transports: null, ticket }), 'xhr-streaming');
        assert.ok(page.requests.includes('GET /websocket'));
        await page.close();
        await page.end();
    });
});

describe('told why it is closed', () => {
    let pages; // one for each transport
    before(async () => { pages = await Promise.all(NAMES.map(() => browser.page())); });
    after(() => Promise.all(pages.map((page) => page.end())));

    const openAll = (user) => Promise.all(pages.map((page, i) =>
        page.open(user, { transports: [NAMES[i]] })));

    // Over HTTP it is a 401, of which these clients see no more than that it is no 200 (2000: all
    // transports failed; 1002: the session was lost).
    for (const [i, transport] of NAMES.entries()) {
        test(`${transport}: a ticket that is no good`, async () => {
            await assert.rejects(pages[i].open(ann, { transports: [transport], ticket: 'x' }),
                                 transport === 'websocket' ? /closed 1008/ : /closed (2000|1002)/);
        });
    }

    test('every transport: the end of a sign-in', async () => {
        const { users: [max] } = await createTenant(server, 'max');
        await openAll(max);
        await fetch(`${server.api}/api/auth/logoutAll`, {
            method: 'POST', headers: { authorization: `Bearer ${max.jwt}` } });
        const ends = await Promise.all(pages.map((page) => page.closed()));
        assert.deepEqual(ends, NAMES.map(() => [1008, 'signed out']));
    });

    test('every transport: a restart, and when to come back', async () => {
        // While the server still accepts, a poll that was between two requests comes back.
        const other = await start('--drain-delay', '2s', '--drain-spread', '0s');
        const { users: [max] } = await createTenant(other, 'max');
        await openAll(max);
        const stopped = other.stop();
        for (const [i, page] of pages.entries()) {
            const [code, reason] = await page.closed();
            assert.equal(code, 1012, NAMES[i]);
            assert.match(reason, /^retry-after=\d+$/);
        }
        await stopped;
    });
});
