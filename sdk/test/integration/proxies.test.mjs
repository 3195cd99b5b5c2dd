// What stands between a client and the server, and does not do as it should.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { after, before, test } from 'node:test';
import { WhispClient } from 'whisp-sdk';
import WebSocket, { WebSocketServer } from 'ws';
import { newKey, startServer } from '../../../test/contract/harness.mjs';
import { Person, person, signIn, texts } from './people.mjs';

const MAX_MESSAGE = 16 * 1024;

let server, key, ann;
const proxies = [];

before(async () => {
    server = await startServer();
    key = await newKey(server);
    ann = await person(server, key, 'ann');
});

after(async () => {
    ann?.client.realtime.disconnect();
    proxies.forEach((proxy) => proxy.closeAllConnections() ?? proxy.close());
    await server?.stop();
});

/** Passes REST on to the server, or leaves it to `rest`; `upgrade` gets each WebSocket's request. */
async function proxy({ rest, upgrade = answer200 }) {
    const front = createServer(rest ?? ((req, res) => {
        const back = request(server.api + req.url, { method: req.method, headers: req.headers }, (answer) => {
            res.writeHead(answer.statusCode, answer.headers);
            answer.pipe(res);
        });
        req.pipe(back);
    }));
    front.on('upgrade', upgrade);
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    proxies.push(front);
    return { api: `http://127.0.0.1:${front.address().port}` };
}

/** Closes with 1009 for messages that are longer than it likes, as proxies and gateways do. */
function narrow() {
    const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, handleProtocols: () => 'v12.stomp' });
    return (req, socket, head) => sockets.handleUpgrade(req, socket, head, (near) => {
        const far = new WebSocket(server.api.replace('http', 'ws') + req.url, ['v12.stomp']);
        const opened = once(far, 'open');
        near.on('message', (data) => void opened.then(() => far.send(String(data))));
        far.on('message', (data) => near.send(String(data)));
        near.on('close', () => opened.then(() => far.close()));
        far.on('close', () => near.close());
        near.on('error', () => undefined);
    });
}

const answer200 = (_req, socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK');

test('a message too large for a proxy is rejected once, and what waits behind it is stored in order', async () => {
    const eve = await person(await proxy({ upgrade: narrow() }), key, 'eve');
    const { chatId } = await eve.client.createChat('Narrow', ['eve', 'ann']);
    const { realtime } = eve.client;
    const sending = ['before', '\u20ac'.repeat(9_000), 'after', 'last'].map((text) => realtime.sendMessage(chatId, text));
    const outcomes = await Promise.allSettled(sending);
    assert.deepEqual(outcomes.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    const { name, status, code, retryable } = outcomes[1].reason;
    assert.deepEqual({ name, status, code, retryable },
                     { name: 'WhispError', status: 413, code: 'PAYLOAD_TOO_LARGE', retryable: false });
    assert.deepEqual(eve.of('error').map(({ error }) => error.code), ['PAYLOAD_TOO_LARGE']);
    assert.equal(eve.of('disconnected').length, 2);
    assert.deepEqual(await texts(eve, chatId), ['before', 'after', 'last']);
    realtime.disconnect();
});

test('a proxy that answers a WebSocket with 200: connect() says so at once, whether it may retry or not', async () => {
    const one = new Person(await proxy({ upgrade: answer200 }), key, 'ann');
    await signIn(one.client, 'ann', { known: true });
    for (const retry of [false, true]) {
        await assert.rejects(one.client.realtime.connect({ retry }), {
            name: 'WhispError', status: 200, code: 'NOT_A_WEBSOCKET', retryable: false,
            message: /^No WebSocket could be opened at ws:\/\/\S+\/api\/wsConnect \(.* 200\)\. A proxy .* Upgrade and Connection on\.$/,
        });
    }
    assert.deepEqual(one.of('reconnecting'), []);
});

test('a web page where the API should be is an error of its own, not data', async () => {
    const page = await proxy({ rest: (_req, res) => res.setHeader('Content-Type', 'text/html').end('<!doctype html>') });
    const one = new Person(page, key, 'ann');
    const expected = { name: 'WhispError', status: 0, code: 'BAD_ANSWER', retryable: false, message: /web page: baseUrl is not/ };
    await assert.rejects(signIn(one.client, 'ann', { known: true }), expected);
    one.client.setAuth(ann.client.getAuth());
    await assert.rejects(one.client.getChats(), expected);
    await assert.rejects(one.client.realtime.connect({ retry: true }), expected);
});

for (const baseUrl of [undefined, null, '', 'chat.example.com', 'ws://chat.example.com']) {
    test(`a client made with the baseUrl ${JSON.stringify(baseUrl)} throws at once, and says what to give`, () => {
        assert.throws(() => new WhispClient({ baseUrl }), { name: 'WhispError', code: 'NO_BASE_URL', message: /https:\/\/chat\.example\.com/ });
    });
}
