// A bare TCP connection for tests that send what no client would: the upgrade and the WebSocket
// frames are written by hand, and what comes back is read strictly.
//
//     const wire = await upgraded(server, user);
//     wire.write(wsFrame(OP.TEXT, stomp('CONNECT', {...}), { masked: false }));
//     assert.equal((await wire.end()).code, 1002);

import { createConnection } from 'node:net';
import { OP, readStomp, readWsFrame } from './frames.mjs';
import { getTicket, within } from './harness.mjs';
import { WAIT } from './realtime.mjs';

export class Wire {
    /** The answer to the upgrade, as text. */
    head = '';
    /** Data and control frames from the server, in order. */
    frames = [];
    #socket;
    #bytes = Buffer.alloc(0);
    #upgraded = false;
    #window = 0; // of permessage-deflate
    #waiting = new Set();
    #ended;
    #error;

    constructor(server) {
        const { hostname, port } = new URL(server.api);
        this.#socket = createConnection(Number(port), hostname);
        this.#socket.on('data', (data) => this.#arrived(data));
        this.#socket.on('error', () => {}); // a reset is an end too
        this.#ended = new Promise((done) => this.#socket.on('close', () => {
            this.#look();
            done();
        }));
    }

    write(bytes) {
        this.#socket.write(bytes);
        return this;
    }

    /** Writes and resolves when the kernel has it. */
    flush(bytes) {
        return new Promise((done) => this.#socket.write(bytes, () => done()));
    }

    /** Half-closes: the server sees the end of what was written. */
    finish() {
        this.#socket.end();
    }

    /** Stops reading, so that the peer's output backs up; resume() goes on. */
    pause() {
        this.#socket.pause();
    }

    resume() {
        this.#socket.resume();
    }

    destroy() {
        this.#socket.destroy();
    }

    /** Resolves with the first frame that satisfies the predicate; each one is given once. */
    async next(matches = () => true, what = 'a frame') {
        let look;
        const found = new Promise((done, fail) => {
            look = () => {
                const frame = this.frames.find((each) => !each.given && matches(each));
                if (frame) {
                    frame.given = true;
                    done(frame);
                } else if (this.#error || this.#socket.destroyed) {
                    fail(this.#error ?? new Error(`the connection ended before ${what}`));
                }
            };
            this.#waiting.add(look);
            look();
        });
        return within(WAIT, () => `${what} did not come`, found).finally(() => this.#waiting.delete(look));
    }

    /** The next STOMP frame of this command. */
    async stomp(command) {
        const frame = await this.next(({ opcode, payload }) => {
            return opcode <= OP.BINARY && payload.length > 1 && readStomp(payload).command === command;
        }, command);
        return readStomp(frame.payload);
    }

    /** Resolves when the server has closed: {code, reason} of its close frame, if it sent one. */
    async end() {
        await within(WAIT, () => 'the server did not close', this.#ended);
        if (this.#error) {
            throw this.#error;
        }
        const close = this.frames.find(({ opcode }) => opcode === OP.CLOSE);
        if (!close) {
            return {};
        }
        const code = close.payload.length >= 2 ? close.payload.readUInt16BE(0) : 1005;
        return { code, reason: close.payload.subarray(2).toString() };
    }

    #arrived(data) {
        this.#bytes = Buffer.concat([this.#bytes, data]);
        if (!this.#upgraded) {
            const end = this.#bytes.indexOf('\r\n\r\n');
            if (end < 0) {
                return;
            }
            this.head = this.#bytes.subarray(0, end).toString();
            this.#bytes = this.#bytes.subarray(end + 4);
            this.#upgraded = this.head.startsWith('HTTP/1.1 101 ');
            if (/^sec-websocket-extensions: permessage-deflate;/im.test(this.head)) {
                this.#window = Number(/server_max_window_bits=(\d+)/.exec(this.head)?.[1] ?? 15);
            }
            this.frames.push({ opcode: 'head', payload: Buffer.from(this.head) });
        }
        try {
            let frame;
            while (this.#upgraded && (frame = readWsFrame(this.#bytes, this.#window))) {
                this.frames.push(frame);
                this.#bytes = this.#bytes.subarray(frame.size);
            }
        } catch (error) {
            this.#error = error;
        }
        this.#look();
    }

    #look() {
        this.#waiting.forEach((look) => look());
    }
}

/** The bytes of an upgrade request; offers: each a Sec-WebSocket-Extensions header. */
export function upgradeRequest(server, ticket, { path = '/api/wsConnect', offers = [] } = {}) {
    return [
        `GET ${path}?ticket=${ticket} HTTP/1.1`, `Host: ${new URL(server.api).host}`,
        'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol: v12.stomp',
        ...offers.map((offer) => `Sec-WebSocket-Extensions: ${offer}`), '', '',
    ].join('\r\n');
}

/** A connection whose upgrade was answered with 101. options: see upgradeRequest. */
export async function upgraded(server, user, options) {
    const wire = new Wire(server);
    wire.write(upgradeRequest(server, await getTicket(user), options));
    await wire.next(({ opcode }) => opcode === 'head', 'the answer to the upgrade');
    if (!wire.head.startsWith('HTTP/1.1 101 ')) {
        throw new Error(`not upgraded: ${wire.head}`);
    }
    return wire;
}
