// STOMP frames and WebSocket frames as bytes, for the tests that speak the protocols themselves.
// Strict on what the server sends; builds anything, right or wrong, for the server to receive.
// Knows nothing of sockets.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

// ---------------------------------------------------------------- STOMP

const ESCAPED = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', ':': '\\c' };
const UNESCAPED = { '\\\\': '\\', '\\n': '\n', '\\r': '\r', '\\c': ':' };

export const escapeHeader = (text) => text.replace(/[\\\n\r:]/g, (c) => ESCAPED[c]);

/** One STOMP frame as bytes. Headers are an object or a list of [name, value]; undefined is left out. */
export function stomp(command, headers = {}, body = '') {
    const list = Array.isArray(headers) ? headers : Object.entries(headers);
    const plain = command === 'CONNECT';
    const lines = list.filter(([, value]) => value !== undefined).map(([name, value]) => {
        return plain ? `${name}:${value}` : `${escapeHeader(name)}:${escapeHeader(String(value))}`;
    });
    const head = `${[command, ...lines].join('\n')}\n\n`;
    return Buffer.concat([Buffer.from(head), Buffer.from(body), Buffer.from([0])]);
}

/**
 * Reads a WebSocket message that must be exactly one STOMP frame, as real clients count on, and
 * gives {command, headers, body}. Throws on anything else, a wrong content-length too.
 */
export function readStomp(bytes) {
    const shown = JSON.stringify(bytes.toString());
    const end = bytes.indexOf('\n\n');
    assert.ok(end > 0, `no STOMP frame: ${shown}`);
    const [command, ...lines] = bytes.subarray(0, end).toString('utf8').split('\n');
    assert.match(command, /^[A-Z]+$/, `no STOMP command: ${shown}`);
    const headers = {};
    for (const line of lines) {
        const colon = line.indexOf(':');
        assert.ok(colon > 0, `a header without a colon: ${shown}`);
        const undo = (text) => text.replace(/\\./g, (pair) => {
            assert.ok(pair in UNESCAPED, `a bad escape: ${shown}`);
            return UNESCAPED[pair];
        });
        const value = line.slice(colon + 1);
        const name = undo(line.slice(0, colon));
        assert.ok(!(name in headers), `header ${name} twice: ${shown}`);
        headers[name] = command === 'CONNECTED' ? value : undo(value);
    }
    const rest = bytes.subarray(end + 2);
    const length = headers['content-length'];
    const size = length === undefined ? rest.indexOf(0) : Number(length);
    assert.equal(rest[size], 0, `the frame does not end with NUL: ${shown}`);
    assert.equal(rest.length, size + 1, `something follows the frame in its message: ${shown}`);
    return { command, headers, body: rest.subarray(0, size).toString('utf8') };
}

// ---------------------------------------------------------------- WebSocket (RFC 6455)

export const OP = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };

/**
 * One client frame. options: fin, masked, rsv (three bits), length (what to claim instead of the
 * real one), form (7, 16 or 64: the length form, also a longer one than needed).
 */
export function wsFrame(opcode, payload = '', options = {}) {
    const { fin = true, masked = true, rsv = 0 } = options;
    const data = Buffer.from(payload);
    const length = options.length ?? data.length;
    const form = options.form ?? (length < 126 ? 7 : length < 65536 ? 16 : 64);
    const maskBit = masked ? 0x80 : 0;
    const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
    let head;
    if (form === 7) {
        head = Buffer.from([first, maskBit | length]);
    } else if (form === 16) {
        head = Buffer.from([first, maskBit | 126, 0, 0]);
        head.writeUInt16BE(length, 2);
    } else {
        head = Buffer.alloc(10);
        head[0] = first;
        head[1] = maskBit | 127;
        head.writeBigUInt64BE(BigInt.asUintN(64, BigInt(length)), 2);
    }
    if (!masked) {
        return Buffer.concat([head, data]);
    }
    const key = randomBytes(4);
    return Buffer.concat([head, key, data.map((byte, i) => byte ^ key[i % 4])]);
}

/** A close frame's payload. */
export function closePayload(code, reason = '') {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(code);
    return Buffer.concat([head, Buffer.from(reason)]);
}

/**
 * Takes the first whole server frame off the bytes: {opcode, fin, payload, size}, or null when
 * more is needed. A masked frame or an RSV bit from the server throws. window: of
 * permessage-deflate; then RSV1 may begin a message, and such a frame has what came as `packed`.
 */
export function readWsFrame(bytes, window = 0) {
    if (bytes.length < 2) {
        return null;
    }
    const mayPack = window && [OP.TEXT, OP.BINARY].includes(bytes[0] & 15);
    assert.equal(bytes[0] & (mayPack ? 0x30 : 0x70), 0, 'the server set an RSV bit');
    assert.equal(bytes[1] & 0x80, 0, 'the server masked a frame');
    let length = bytes[1] & 0x7f;
    let head = 2;
    if (length >= 126) {
        head = length === 126 ? 4 : 10;
        if (bytes.length < head) {
            return null;
        }
        length = head === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
        assert.ok(length >= (head === 4 ? 126 : 65536), 'the server used too long a length form');
    }
    if (bytes.length < head + length) {
        return null;
    }
    const frame = {
        opcode: bytes[0] & 15,
        fin: (bytes[0] & 0x80) !== 0,
        payload: bytes.subarray(head, head + length),
        size: head + length,
    };
    if (bytes[0] & 0x40) {
        frame.packed = frame.payload;
        frame.payload = unpack(frame.packed, window);
    }
    return frame;
}

// ---------------------------------------------------------------- permessage-deflate (RFC 7692)

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/** A message's payload as a client compresses it; options: zlib's. */
export function pack(payload, options = {}) {
    const bytes = deflateRawSync(payload, { ...options, finishFlush: constants.Z_SYNC_FLUSH });
    assert.ok(bytes.subarray(-4).equals(TAIL), 'zlib did not flush');
    return bytes.subarray(0, -4);
}

/** A compressed payload, by an inflater with no larger window than this. */
export function unpack(payload, window = 15) {
    return inflateRawSync(Buffer.concat([payload, TAIL]), {
        windowBits: window, finishFlush: constants.Z_SYNC_FLUSH,
    });
}
