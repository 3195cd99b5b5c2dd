// HTTP as bytes on a TCP connection, for what fetch cannot say or would hide: malformed requests,
// bodies on GET, pipelining, who closes and when. Strict on what the server sends.
//
//     const socket = await open(server.api);
//     socket.write(get('/livez'));
//     const res = await socket.response();      // {status, headers, body, text, raw}
//     await socket.closed;                      // when the server has closed

import assert from 'node:assert/strict';
import net from 'node:net';
import { within } from './harness.mjs';

const WAIT = 10_000;

class Connection {
    /** Resolves when the connection is closed by whomever, an RST too. */
    closed;
    /** True after the server's FIN or RST. */
    ended = false;
    #socket;
    #bytes = Buffer.alloc(0);
    #look = () => {};

    constructor(socket) {
        this.#socket = socket;
        socket.setNoDelay(true);
        socket.on('data', (data) => {
            this.#bytes = Buffer.concat([this.#bytes, data]);
            this.#look();
        });
        const ended = () => {
            this.ended = true;
            this.#look();
        };
        socket.on('error', ended); // 'close' follows
        socket.on('end', ended);
        this.closed = new Promise((done) => socket.on('close', () => {
            ended();
            done();
        }));
    }

    write(data) {
        this.#socket.write(data);
        return this;
    }

    /** Sends FIN; reading goes on. */
    end() {
        this.#socket.end();
    }

    async destroy() {
        this.#socket.destroy();
        await this.closed;
    }

    /** What came and was not read as a response yet. */
    get rest() {
        return this.#bytes.toString('latin1');
    }

    whenClosed(ms = WAIT) {
        return within(ms, () => `not closed; unread: ${this.rest}`, this.closed);
    }

    /** Waits until what has come contains the text. */
    async seen(text, ms = WAIT) {
        await this.#until(() => this.rest.includes(text), () => `no ${JSON.stringify(text)}`, ms);
    }

    /** The next whole response; method HEAD has no body. Rejects when the server closes first. */
    async response({ method = 'GET', ms = WAIT } = {}) {
        let res;
        await this.#until(() => (res = this.#take(method)), () => 'no response', ms);
        return res;
    }

    async #until(probe, what, ms) {
        const found = new Promise((done, fail) => {
            this.#look = () => {
                try {
                    if (probe()) {
                        done();
                    } else if (this.ended) {
                        fail(new Error(`${what()}; closed after ${JSON.stringify(this.rest)}`));
                    }
                } catch (error) {
                    fail(error);
                }
            };
            this.#look();
        });
        await within(ms, () => `${what()}; got ${JSON.stringify(this.rest)}`, found)
            .finally(() => (this.#look = () => {}));
    }

    #take(method) {
        const text = this.rest;
        const end = text.indexOf('\r\n\r\n');
        if (end < 0) {
            return undefined;
        }
        const [first, ...lines] = text.slice(0, end).split('\r\n');
        const [, status] = /^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]+$/.exec(first) ??
            assert.fail(`not a status line: ${JSON.stringify(first)}`);
        const headers = new Headers();
        for (const line of lines) {
            const [, name, value] = /^([\w-]+): ?([\x20-\x7e]*)$/.exec(line) ??
                assert.fail(`not a header: ${JSON.stringify(line)}`);
            headers.append(name, value);
        }
        const none = method === 'HEAD' || status < 200 || status === '204' || status === '304';
        assert.equal(headers.get('transfer-encoding'), null, 'answers have a Content-Length');
        const length = none ? 0 : Number(headers.get('content-length') ??
            assert.fail(`no Content-Length: ${text.slice(0, end)}`));
        if (this.#bytes.length < end + 4 + length) {
            return undefined;
        }
        const raw = this.#bytes.subarray(0, end + 4 + length).toString('utf8');
        const body = this.#bytes.subarray(end + 4, end + 4 + length).toString('utf8');
        this.#bytes = this.#bytes.subarray(end + 4 + length);
        const json = /\bjson\b/.test(headers.get('content-type') ?? '') && body !== '';
        return {
            status: Number(status), headers, raw, text: body,
            body: json ? JSON.parse(body) : body,
        };
    }
}

/** A TCP connection to the listener of that base URL. */
export async function open(base) {
    const { hostname, port } = new URL(base);
    const socket = net.connect({ host: hostname, port: Number(port) });
    await within(WAIT, () => `cannot connect to ${base}`, new Promise((done, fail) => {
        socket.once('connect', done);
        socket.once('error', fail);
    }));
    return new Connection(socket);
}

/** A request as text; headers are an object or lines; a body gets its Content-Length. */
export function message(method, path, headers = {}, body) {
    const all = { Host: 'localhost', ...headers };
    if (body !== undefined && !('Transfer-Encoding' in all) && !('Content-Length' in all)) {
        all['Content-Length'] = Buffer.byteLength(body);
    }
    const lines = Object.entries(all).filter(([, value]) => value !== undefined)
        .map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`;
}

export const get = (path, headers) => message('GET', path, headers);

/** A body in chunks of that size. */
export function chunked(body, size = 7) {
    const bytes = Buffer.from(body);
    const parts = [];
    for (let at = 0; at < bytes.length; at += size) {
        const part = bytes.subarray(at, at + size);
        parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
    }
    return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

/** Sends bytes on a connection of their own; resolves with the first response, then closes. */
export async function exchange(base, bytes, options) {
    const socket = await open(base);
    try {
        return await socket.write(bytes).response(options);
    } finally {
        await socket.destroy();
    }
}
