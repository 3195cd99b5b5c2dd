// TLS on both listeners: the same server, below another layer. What crosses it in odd pieces, peers
// that speak no TLS, a peer that does not read, and a certificate that is renewed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createConnection, createServer } from 'node:net';
import { pipeline, Transform } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { createChat, createTenant, manage, run, startServer, within } from './harness.mjs';
import { connect, wholeHistory } from './realtime.mjs';
import { ALERT_BYTES, HANDSHAKE, handshaken } from './tls_records.mjs';

const WAIT = 10_000;
const place = mkdtempSync(join(tmpdir(), 'whisp-tls-'));
const files = (name) => ({ cert: join(place, `${name}.crt`), key: join(place, `${name}.key`) });

/** A certificate for 127.0.0.1 that is its own authority. */
function makeCertificate(name) {
    const { cert, key } = files(name);
    execFileSync('openssl', [
        'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
        '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert,
    ], { stdio: 'ignore' });
    return { cert, key };
}

const first = makeCertificate('first');
const second = makeCertificate('second');
const used = files('used');
const use = ({ cert, key }) => {
    copyFileSync(cert, used.cert);
    copyFileSync(key, used.key);
};

let server;
before(async () => {
    use(first);
    // The tests' ordinary clients have no way to be given an authority; `shake` checks it.
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    server = await startServer({
        args: ['--tls-cert', used.cert, '--tls-key', used.key, '--message-rate', 'off',
               '--request-timeout', '2s'],
    });
});
after(async () => {
    await server?.stop();
    rmSync(place, { recursive: true });
});

const portOf = (url) => Number(new URL(url).port);

/** A handshake with the chat API, or why there was none. */
function shake(options) {
    return within(WAIT, () => 'no handshake', new Promise((done, fail) => {
        const socket = tlsConnect({ host: '127.0.0.1', port: portOf(server.api), ...options });
        socket.on('error', fail);
        socket.on('secureConnect', () => done(socket));
    }));
}

/** What a bare TCP connection gets for these bytes, until the server closes it. */
function answerTo(bytes) {
    return within(WAIT, () => 'it was not closed', new Promise((done) => {
        const chunks = [];
        const socket = createConnection(portOf(server.api), '127.0.0.1', () => socket.write(bytes));
        socket.on('error', () => {});
        socket.on('data', (data) => chunks.push(data));
        socket.on('close', () => done(Buffer.concat(chunks)));
    }));
}

test('both listeners are https, and say so', () => {
    assert.match(server.api, /^https:/);
    assert.match(server.management, /^https:/);
});

test('two users talk to each other', async () => {
    const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
    const { chatId } = await createChat(ann, bob);
    const [anns, bobs] = await Promise.all([connect(server, ann), connect(server, bob)]);
    const { message } = await anns.post(chatId, 'over TLS');
    await bobs.next({ type: 'SEND_MSG', message });
    await anns.close();
    await bobs.close();
    assert.equal((await manage(server, 'GET', '/readyz')).status, 200);
});

test('the certificate is ours; TLS 1.3 and 1.2, nothing older; http/1.1 by ALPN', async () => {
    const ca = execFileSync('cat', [first.cert]);
    for (const version of ['TLSv1.3', 'TLSv1.2']) {
        const socket = await shake({
            ca, rejectUnauthorized: true, minVersion: version, maxVersion: version,
            ALPNProtocols: ['h2', 'http/1.1'],
        });
        assert.equal(socket.getProtocol(), version);
        assert.equal(socket.alpnProtocol, 'http/1.1');
        socket.destroy();
    }
    await assert.rejects(shake({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }));
});

test('who speaks no TLS is closed', async () => {
    const answers = await Promise.all([
        answerTo('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'),
        answerTo(Buffer.alloc(20_000, 0x16)),
        answerTo(Buffer.from('16030100', 'hex')), // the start of a handshake, and no more
    ]);
    for (const answer of answers) {
        assert.doesNotMatch(answer.toString('latin1'), /HTTP/);
    }
});

test('requests in one record, and answers one after the other', async () => {
    const socket = await shake({ ca: execFileSync('cat', [first.cert]), rejectUnauthorized: true });
    const one = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
    let text = '';
    const ended = new Promise((done) => socket.on('end', done));
    socket.on('data', (data) => (text += data));
    socket.write(one.repeat(20) + one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    await within(WAIT, () => `only ${text}`, ended); // with close_notify: 'end', and no error
    assert.equal(text.match(/HTTP\/1\.1 200/g).length, 21);
    socket.destroy();
});

test('bytes in pieces of any size', async () => {
    for (const size of [1, 7, 1000]) {
        const split = () => new Transform({
            transform(data, _, done) {
                for (let at = 0; at < data.length; at += size) {
                    this.push(data.subarray(at, at + size));
                }
                done();
            },
        });
        const pieces = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
            const far = createConnection({
                port: portOf(server.api), host: '127.0.0.1', noDelay: true, allowHalfOpen: true,
            });
            pipeline(near, split(), far, () => {});
            pipeline(far, split(), near, () => {});
        });
        await new Promise((done) => pieces.listen(0, '127.0.0.1', done));
        const { status, body } = await new Promise((done, fail) => {
            const req = request({
                port: pieces.address().port, host: '127.0.0.1', method: 'POST', agent: false,
                path: '/api/user/signin', headers: { 'content-type': 'application/json' },
            }, (res) => {
                let text = '';
                res.on('data', (data) => (text += data));
                res.on('end', () => done({ status: res.statusCode, body: JSON.parse(text) }));
            });
            req.on('error', fail);
            req.end(JSON.stringify({ username: 'x', password: 'y'.repeat(3000) }));
        });
        assert.equal(status, 401, `in pieces of ${size}`);
        assert.ok(body);
        pieces.close();
        pieces.unref();
    }
});

test('a reader that pauses gets everything in order; one that stops is closed', async () => {
    const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
    const { chatId } = await createChat(ann, bob);
    const anns = await connect(server, ann);
    const bobs = await connect(server, bob, { ws: { perMessageDeflate: false } });
    const text = 'x'.repeat(9_000);
    const seqs = [];
    bobs.onEvent = ({ seq }) => seq && seqs.push(seq);
    bobs.pause();
    for (let n = 0; n < 64; n++) { // past the kernel's buffers, below the session's limit
        await anns.send({ type: 'SEND_MSG', chatId, message: `${n} ${text}` });
    }
    bobs.resume();
    await bobs.next(({ message }) => message?.startsWith('63 '));
    assert.deepEqual(seqs, Array.from({ length: 64 }, (_, i) => i + 2)); // NEW_CHAT was 1
    bobs.pause();
    for (let n = 0; n < 2_000; n += 20) {
        await Promise.all(Array.from({ length: 20 }, (_, i) => {
            return anns.send({ type: 'SEND_MSG', chatId, message: `${n + i} ${text}` });
        }));
        if (server.logLines().some(({ event }) => event === 'session too slow')) {
            break;
        }
    }
    bobs.resume();
    const { code } = await bobs.whenClosed();
    assert.equal(code, 1013);
    assert.ok((await wholeHistory(ann, chatId)).length > 64);
    await anns.close();
});

test('who asks for a renegotiation is told once that there is none, and that is the end', async () => {
    const { socket, record } = await handshaken(portOf(server.api));
    let bytes = 0;
    const ended = new Promise((done) => socket.on('close', done));
    socket.on('data', (data) => (bytes += data.length));
    const hello = Buffer.from([1, 0, 0, 0]); // the head of a ClientHello is all that is looked at
    socket.write(Buffer.concat(Array.from({ length: 1000 }, () => record(HANDSHAKE, hello))));
    await within(WAIT, () => 'it goes on', ended);
    assert.ok(bytes <= ALERT_BYTES, `${bytes} bytes of alerts`); // a reset may take the one away
    (await shake({})).destroy();
});

test('an answer of several megabytes, taken slowly, comes whole', async () => {
    const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
    const { chatId } = await createChat(ann, bob);
    const session = await connect(server, ann);
    for (let n = 0; n < 60; n += 20) {
        await Promise.all(Array.from({ length: 20 }, () =>
            session.send({ type: 'SEND_MSG', chatId, message: '\u0001'.repeat(10_000) })));
    }
    await session.close();
    const socket = await shake({});
    socket.pause();
    socket.write(`GET /api/messages/getMessages/${chatId}?size=60 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
        `Authorization: Bearer ${ann.jwt}\r\n\r\n`);
    await server.logged(({ event, path }) => event === 'request' && path?.includes(chatId));
    const chunks = [];
    socket.on('data', (data) => chunks.push(data)).resume();
    await within(WAIT, () => 'the answer has no end', new Promise((done) => socket.on('end', done)));
    const text = Buffer.concat(chunks).toString();
    const { messages } = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
    assert.equal(messages.length, 60);
    assert.ok(text.length > 3_500_000);
});

test('a renewed certificate is read at SIGHUP; a bad one changes nothing', async () => {
    const name = async () => {
        const socket = await shake({});
        const { subject } = socket.getPeerCertificate();
        socket.destroy();
        return subject.CN;
    };
    assert.equal(await name(), 'first');
    const open = await shake({});
    use(second);
    server.signal('SIGHUP');
    await server.logged(({ event }) => event === 'certificate read');
    assert.equal(await name(), 'second');
    assert.equal(open.getPeerCertificate().subject.CN, 'first');
    assert.ok(!open.destroyed, 'who is connected stays');
    open.destroy();
    writeFileSync(used.cert, 'no certificate');
    server.signal('SIGHUP');
    const { reason } = await server.logged(({ event }) => event === 'certificate not read');
    assert.match(reason, /used\.crt/);
    assert.equal(await name(), 'second');
});

test('what is wrong with the options is said', async () => {
    const half = await run(['check-config', '--tls-cert', first.cert]);
    assert.equal(half.code, 2);
    assert.match(half.stderr, /--tls-key/);
    const data = join(place, 'data');
    const start = (cert, key) => run(['--data', data, '--listen', '127.0.0.1:0', '--management-listen',
                                      '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key]);
    for (const [cert, key] of [[join(place, 'none'), first.key], [first.cert, second.key],
                               [first.cert, join(place, 'none')]]) {
        const { code, stderr } = await start(cert, key);
        assert.equal(code, 1);
        assert.match(stderr, /--tls-cert, --tls-key/);
    }
});
