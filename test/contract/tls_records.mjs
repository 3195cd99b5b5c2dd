// TLS 1.2 records made by hand behind a real handshake, for what no TLS library sends: the keys are
// derived from what the handshake has agreed on (RFC 5246 section 6.3, RFC 5288).

import { createCipheriv, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';

const KEY = 16, SALT = 4, TAG = 16, NONCE = 8;
export const HANDSHAKE = 22;
export const ALERT_BYTES = 5 + NONCE + 2 + TAG;

const hmac = (key, ...parts) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();

/** The pseudo-random function of TLS 1.2. */
function expand(secret, label, seed, length) {
    const start = Buffer.concat([Buffer.from(label), seed]);
    let a = start, out = Buffer.alloc(0);
    while (out.length < length) {
        a = hmac(secret, a);
        out = Buffer.concat([out, hmac(secret, a, start)]);
    }
    return out.subarray(0, length);
}

/** The socket's bytes as a stream that keeps the first ones that come in. */
function recorded(socket) {
    let came = Buffer.alloc(0);
    let done = false;
    const stream = new Duplex({
        read() {},
        write(bytes, _, done) {
            socket.write(bytes, done);
        },
    });
    socket.on('data', (data) => {
        came = came.length < 4096 ? Buffer.concat([came, data]) : came;
        if (!done) { // else the library would answer what comes, and count its own records
            stream.push(data);
        }
    });
    return { stream, came: () => came, end: () => (done = true) };
}

/** {socket, record(type, bytes)}: a connection whose handshake is done, and what makes its records. */
export async function handshaken(port) {
    const socket = createConnection(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => {});
    const { stream, came, end } = recorded(socket);
    const tls = tlsConnect({
        socket: stream, maxVersion: 'TLSv1.2', rejectUnauthorized: false, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256',
    });
    tls.on('error', () => {});
    let keys;
    tls.on('keylog', (line) => (keys ??= line.toString().trim().split(' ')));
    await once(tls, 'secureConnect');
    end();
    const [, clientRandom, master] = keys.map((part) => Buffer.from(part, 'hex'));
    const serverRandom = came().subarray(11, 43); // behind the record's and the handshake's heads
    const block = expand(master, 'key expansion', Buffer.concat([serverRandom, clientRandom]), 2 * (KEY + SALT));
    const key = block.subarray(0, KEY), salt = block.subarray(2 * KEY, 2 * KEY + SALT);
    let sequence = 1n; // Finished was the first
    const record = (type, bytes) => {
        const nonce = Buffer.alloc(NONCE);
        nonce.writeBigUInt64BE(sequence++);
        const cipher = createCipheriv('aes-128-gcm', key, Buffer.concat([salt, nonce]));
        cipher.setAAD(Buffer.concat([nonce, Buffer.from([type, 3, 3, 0, bytes.length])]));
        const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(NONCE + sealed.length + TAG);
        return Buffer.concat([Buffer.from([type, 3, 3]), length, nonce, sealed, cipher.getAuthTag()]);
    };
    return { socket, record };
}
