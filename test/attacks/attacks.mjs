// The attacks, by what they aim at. Each is bounded, speaks to loopback only, and resolves with what
// it saw, or nothing; {note, fault} when it can tell a fault that neither the server's end nor the
// witness shows. `args` and `env` are the server's.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stomp } from '../contract/frames.mjs';
import { api, createChat, createTenant, manage, PASSWORD, register, createApp, createKey } from '../contract/harness.mjs';
import { connect, rawSocket } from '../contract/realtime.mjs';
import { openStream } from '../contract/sockjs.mjs';
import { HANDSHAKE, handshaken } from '../contract/tls_records.mjs';

const SECONDS = 8;
const bound = (seconds = SECONDS) => Date.now() + seconds * 1000;
const until = (end) => Date.now() < end;
const LIST_MOST = 1000; // rows of a page
const ORDINARY = { // the harness turns these off
    WHISP_MANAGEMENT_RATE: '50/200', WHISP_ACCOUNT_RATE: '20/100', WHISP_REGISTER_RATE: '30/30', WHISP_NEW_KEY_RATE: '1/30',
};
const FREE = ['--request-rate', 'off', '--message-rate', 'off', '--key-rate', 'off'];

/** A connection whose end, however it comes, is no error. */
function dial(base) {
    const { hostname, port } = new URL(base);
    const socket = net.connect({ host: hostname, port: Number(port) });
    socket.on('error', () => {});
    return socket;
}

const closeAll = (sockets) => sockets.forEach((socket) => socket.destroy());
const connected = (socket) => new Promise((done) => socket.once('connect', done).once('close', done));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function request(method, path, headers = {}, body = '') {
    const all = { Host: 'a', ...headers, ...(body && { 'Content-Length': Buffer.byteLength(body) }) };
    return `${method} ${path} HTTP/1.1\r\n${Object.entries(all).map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n${body}`;
}

/** Many subscriptions with long ids multiply one event that is twelve times as long in SockJS. */
async function subscriptions(server) {
    const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
    const { chatId } = await createChat(ann, bob);
    const sender = await connect(server, ann);
    const message = '😀'.repeat(10_000);
    await sender.send({ type: 'SEND_MSG', chatId, message });
    const { messageId } = await sender.next('SEND_MSG');
    const stream = await openStream(server, bob);
    await stream.connect();
    let taken = 0;
    for (let refused = false; taken < 64 && !refused; taken += refused ? 0 : 1) {
        const id = `${taken}-`.padEnd(16_200, '\u0001');
        const frame = stomp('SUBSCRIBE', { id, destination: '/user/queue/messages' });
        const res = await stream.post(JSON.stringify([frame.toString()]), { 'content-type': 'text/plain' });
        refused = res.status !== 204;
    }
    await sender.send({ type: 'REPLY', chatId, messageId, message }).catch(() => {});
    await pause(2000);
    stream.abort();
    return `${taken} subscriptions taken`;
}

/** Rotates a key as fast as it goes, then lists the keys. */
async function rotations(server) {
    const account = await register(server);
    const app = await createApp(account);
    const key = await createKey(app);
    let id = key.id, done = 0, refused = 0;
    for (const end = bound(); until(end);) {
        const res = await manage(account, 'POST', `/api/client/apps/${app.id}/keys/${id}/rotate`);
        if (res.status === 201) {
            id = res.body.id;
            done++;
        } else {
            refused++;
            await pause(50);
        }
    }
    const begin = Date.now();
    const list = await manage(account, 'GET', `/api/client/apps/${app.id}/keys`);
    return {
        note: `${done} rotations, ${refused} refused; the list: ${list.status}, ${list.body?.length} rows, ${Date.now() - begin} ms`,
        fault: list.status !== 200 || list.body.length > LIST_MOST,
    };
}

/** 1.5 MB of chunks of one byte, on several connections at once. */
async function tinyChunks(server) {
    const { users: [ann] } = await createTenant(server, 'ann');
    const head = request('POST', '/api/chat/createChat', { Authorization: ann.jwt, 'Transfer-Encoding': 'chunked' });
    const chunks = '1\r\n{\r\n'.repeat(60_000);
    const sockets = Array.from({ length: 8 }, () => dial(server.api));
    await Promise.all(sockets.map(connected));
    for (const end = bound(4); until(end);) {
        for (const socket of sockets) {
            socket.write(head + chunks);
        }
        await pause(200);
        closeAll(sockets.splice(0));
        sockets.push(...Array.from({ length: 8 }, () => dial(server.api)));
        await Promise.all(sockets.map(connected));
    }
    closeAll(sockets);
}

/** Pipelines requests for large answers and reads none of them. */
async function unreadAnswers(server) {
    const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
    const chat = await createChat(ann, bob);
    const socket = await rawSocket(server, ann);
    socket.send('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${ann.jwt}` });
    for (let i = 0; i < 60; i++) {
        socket.send('SEND', { destination: '/api/chat' }, JSON.stringify({ type: 'SEND_MSG', chatId: chat.chatId, message: '€'.repeat(10_000) }));
    }
    await pause(1500);
    const page = request('GET', `/api/messages/getMessages/${chat.chatId}?size=100`, { Authorization: ann.jwt });
    const sockets = Array.from({ length: 300 }, () => dial(server.api));
    await Promise.all(sockets.map(connected));
    sockets.forEach((each) => each.pause() && each.write(page.repeat(7)));
    await pause(6000);
    closeAll(sockets);
    await socket.close();
}

/** Two products whose users sign in in floods; a third whose user signs in now and then. */
async function signInFloods(server) {
    const [{ app: one }, { app: two }, { app }] = [
        await createTenant(server, 'one'), await createTenant(server, 'two'), await createTenant(server, 'third'),
    ];
    const end = bound(10);
    const floods = [one, two].flatMap(({ key }) => Array.from({ length: 200 }, async (_, lane) => {
        for (let n = 0; until(end); n++) {
            const { status } = await api(key, 'POST', '/api/user/signin', { username: `${lane}-${n}`, password: PASSWORD });
            await pause(status === 503 ? 250 : 0);
        }
    }));
    await pause(1000);
    let good = 0, bad = 0, slowest = 0;
    while (until(end)) {
        const begin = Date.now();
        const res = await api(app.key, 'POST', '/api/user/signin', { username: 'third', password: PASSWORD });
        slowest = Math.max(slowest, Date.now() - begin);
        good += res.status === 200;
        bad += res.status !== 200;
        await pause(100);
    }
    await Promise.all(floods);
    return { note: `a third product's sign-ins: ${good} good, ${bad} refused, the slowest ${slowest} ms`, fault: bad > 0 };
}

/** A revoked key of an app at full speed beside its good one. */
async function revokedKey(server) {
    const account = await register(server);
    const app = await createApp(account);
    const [bad, good] = [await createKey(app), await createKey(app)];
    await manage(account, 'DELETE', `/api/client/apps/${app.id}/keys/${bad.id}`);
    const body = request('POST', '/api/user/signin', { 'x-api-key': bad.token }, '{"username":"x","password":"12345678"}');
    const sockets = Array.from({ length: 4 }, () => dial(server.api));
    await Promise.all(sockets.map(connected));
    const end = bound(5);
    sockets.forEach((socket) => socket.on('data', () => until(end) && socket.write(body)) && socket.write(body));
    let refused = 0, n = 0;
    for (; until(end); n++) {
        const res = await api(good, 'POST', '/api/user/signin', { username: 'nobody', password: PASSWORD });
        refused += res.status === 429 && res.body.code !== 'TOO_MANY_FAILURES' && res.headers.get('retry-after') === '1';
        await pause(50);
    }
    closeAll(sockets);
    return { note: `the good key: ${refused} of ${n} refused by the key's rate`, fault: refused > 0 };
}

/** Reads the members of a large chat on 16 connections. */
async function largeChat(server) {
    const { app, users: [ann] } = await createTenant(server, 'ann');
    const names = [];
    await Promise.all(Array.from({ length: 8 }, async (_, lane) => {
        for (let i = 0; i < 125; i++) {
            const username = `m${lane}-${i}`;
            await api(app.key, 'POST', '/api/user/registerUser', { username, email: `${username}@example.com`, password: PASSWORD });
            names.push(username);
        }
    }));
    const chat = (await api(ann, 'POST', '/api/chat/createChat', { chatName: 'large', userNames: ['ann', ...names.slice(0, 999)] })).body;
    const ask = request('GET', `/api/chat/getUsers/${chat.chatId}`, { Authorization: ann.jwt });
    const sockets = Array.from({ length: 16 }, () => dial(server.api));
    await Promise.all(sockets.map(connected));
    const end = bound(5);
    let bytes = 0;
    sockets.forEach((socket) => {
        socket.on('data', (data) => {
            bytes += data.length;
            if (until(end)) {
                socket.write(ask);
            }
        });
        socket.write(ask.repeat(4));
    });
    while (until(end)) {
        await pause(100);
    }
    closeAll(sockets);
    return `${(bytes / 1e6).toFixed(0)} MB of members read`;
}

/** Opens sockets until the server takes no more. */
async function allSockets(server) {
    const sockets = Array.from({ length: 400 }, () => dial(server.api));
    await pause(3000);
    let probes = 0;
    for (let i = 0; i < 20; i++) {
        const more = Array.from({ length: 10 }, () => dial(server.api)); // for those that others gave back
        sockets.push(...more);
        await Promise.all(more.map(connected));
        await pause(50);
        probes += await probe(`${server.management}/readyz`) ? 1 : 0;
    }
    closeAll(sockets);
    return { note: `${probes} of 20 new connections of the probe were answered`, fault: probes < 20 };
}

/** One GET on a connection of its own: was it answered with 200? */
function probe(url) {
    return new Promise((done) => {
        const request = http.get(url, { agent: false }, (response) => {
            response.resume();
            done(response.statusCode === 200);
        });
        request.on('error', () => done(false));
    });
}

/** A certificate of the server's own. */
function makeCertificate() {
    const place = mkdtempSync(join(tmpdir(), 'whisp-attack-'));
    const [cert, key] = [join(place, 'tls.crt'), join(place, 'tls.key')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                             '-subj', '/CN=attacked', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    process.on('exit', () => rmSync(place, { recursive: true, force: true }));
    return ['--tls-cert', cert, '--tls-key', key];
}

/** Asks for renegotiations in TLS 1.2, and takes nothing of what the server says to each. */
async function renegotiations(server) {
    const MANY = 60; // of one record
    const hellos = Buffer.alloc(4 * MANY, Buffer.from([1, 0, 0, 0])); // of a ClientHello its head is all that is looked at
    const end = bound();
    let asked = 0, closed = 0;
    await Promise.all(Array.from({ length: 8 }, async () => {
        const { socket, record } = await handshaken(Number(new URL(server.api).port));
        let open = true;
        socket.on('close', () => {
            closed += open ? 1 : 0;
            open = false;
        });
        socket.pause();
        while (open && until(end)) {
            const asks = Buffer.concat(Array.from({ length: 100 }, () => record(HANDSHAKE, hellos)));
            asked += 100 * MANY;
            await Promise.race([new Promise((done) => socket.write(asks, done)), pause(1000)]);
            await pause(0);
        }
        socket.destroy();
        open = false;
    }));
    return {
        note: `${asked} renegotiations asked for; ${closed} of 8 connections closed by the server`,
        fault: closed < 8,
    };
}

export const attacks = {
    subscriptions: { args: FREE, attack: subscriptions },
    renegotiations: { args: [...FREE, ...makeCertificate()], attack: renegotiations },
    rotations: { env: ORDINARY, attack: rotations },
    'tiny-chunks': { args: FREE, attack: tinyChunks },
    'unread-answers': { args: FREE, attack: unreadAnswers },
    'sign-in-floods': { args: [...FREE, '--hash-cost', '19m/2'], attack: signInFloods },
    'revoked-key': { attack: revokedKey },
    'large-chat': { args: FREE, attack: largeChat },
    'all-sockets': { args: ['--connections', '300', '--connections-per-address', '0'], attack: allSockets },
};
