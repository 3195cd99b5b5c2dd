// SockJS by hand: requests as a client's transports make them, frames as they come.
//
//     const stream = await openStream(server, user);       // xhr_streaming, its `o` awaited
//     await stream.connect();                               // STOMP, by xhr_send
//     const frame = await stream.stomp('MESSAGE');
//     stream.abort();

import assert from 'node:assert/strict';
import http from 'node:http';
import WebSocket from 'ws';
import { readStomp, stomp } from './frames.mjs';
import { getTicket, unique, within } from './harness.mjs';
import { WAIT } from './realtime.mjs';

export const PREFIX = '/api/wsConnect';
export const NOT_CACHED = 'no-store, no-cache, no-transform, must-revalidate, max-age=0';

/** The path of a session's transport. */
export function pathOf(id, transport, ticket, more = {}, serverPart = '000') {
    const query = new URLSearchParams({ ...(ticket && { ticket }), ...more }).toString();
    return `${PREFIX}/${serverPart}/${id}/${transport}${query && `?${query}`}`;
}

/** A whole request on a connection of its own: {status, headers, text}. */
export async function ask(server, method, path, { body, headers = {}, agent } = {}) {
    const response = await begin(server, method, path, { body, headers, agent });
    let text = '';
    response.setEncoding('utf8').on('data', (data) => (text += data));
    await within(WAIT, () => `${method} ${path} did not end`,
                 new Promise((done) => response.on('close', done)));
    return { status: response.statusCode, headers: response.headers, text };
}

/** The response's head; `abort` cuts the connection. */
async function begin(server, method, path, { body, headers, agent = false }) {
    const request = http.request(server.api + path, { method, headers, agent });
    request.on('error', () => {}); // shows in 'close' of the response, or in the time-out
    const response = await within(WAIT, () => `${method} ${path} was not answered`,
                                  new Promise((done, fail) => {
                                      request.on('response', done).on('error', fail).end(body);
                                  }));
    response.on('error', () => {});
    response.abort = () => request.destroy();
    return response;
}

/** The messages of an `a` frame. */
export function messagesOf(frame) {
    assert.equal(frame[0], 'a', `no messages: ${frame}`);
    return JSON.parse(frame.slice(1));
}

/** A session by name, for whatever transport. */
export class SockSession {
    constructor(server, user, ticket, id = unique('s').replaceAll('.', '_')) {
        Object.assign(this, { server, user, ticket, id });
    }

    path(transport, more, serverPart) {
        return pathOf(this.id, transport, this.ticket, more, serverPart);
    }

    poll(options) {
        return ask(this.server, 'POST', this.path('xhr'), options);
    }

    /** Messages by xhr_send; its answer. */
    post(body, headers = {}) {
        return ask(this.server, 'POST', this.path('xhr_send'), { body, headers });
    }

    async send(...frames) {
        const texts = frames.map((frame) => frame.toString());
        const res = await this.post(JSON.stringify(texts), { 'content-type': 'text/plain' });
        assert.equal(res.status, 204, res.text);
    }

    connectFrame(headers = {}) {
        return stomp('CONNECT', {
            'accept-version': '1.2', 'Authorization': `Bearer ${this.user.jwt}`, ...headers,
        });
    }
}

/** A new session, not opened yet. */
export async function newSession(server, user) {
    return new SockSession(server, user, await getTicket(user));
}

/** A session whose frames come by xhr_streaming, eventsource or htmlfile. */
export class Stream extends SockSession {
    /** Frames that nobody has taken. */
    frames = [];
    /** STOMP frames that nobody has taken. */
    inbox = [];
    text = '';
    ended = false;
    requestHeaders = {};
    #response;
    #look = () => {};

    /** (Re)opens it; frames go on where they were. */
    async open(transport = 'xhr_streaming', more = {}) {
        const method = transport === 'xhr_streaming' ? 'POST' : 'GET';
        this.#response = await begin(this.server, method, this.path(transport, more),
                                     { headers: this.requestHeaders });
        this.status = this.#response.statusCode;
        this.headers = this.#response.headers;
        this.ended = false;
        this.text = '';
        let rest = '';
        this.#response.setEncoding('utf8').on('data', (data) => {
            this.text += data;
            rest += data;
            for (let end; (end = rest.indexOf('\n')) >= 0; rest = rest.slice(end + 1)) {
                this.#line(rest.slice(0, end), transport);
            }
            this.#look();
        });
        this.#response.on('close', () => {
            this.ended = true;
            this.#look();
        });
        return this;
    }

    #line(line, transport) {
        if (transport === 'eventsource') {
            line = line.startsWith('data: ') ? line.slice(6, -1) : '';
        } else if (transport === 'htmlfile') {
            line = line.startsWith('p(') ? JSON.parse(line.slice(2, -2)) : '';
        }
        if (line && !/^h{2048}$/.test(line)) {
            this.onFrame(line);
        }
    }

    /** Each frame as it comes, for who wants no list. */
    onFrame = (frame) => this.frames.push(frame);

    async #until(probe, what, ms = WAIT) {
        const found = new Promise((done, fail) => {
            this.#look = () => {
                try {
                    const value = probe();
                    if (value !== undefined) {
                        this.#look = () => {};
                        done(value);
                    } else if (this.ended) {
                        fail(new Error(`${what}: the stream ended`));
                    }
                } catch (error) {
                    fail(error);
                }
            };
            this.#look();
        });
        return within(ms, () => `${what} did not come`, found);
    }

    /** The next SockJS frame. */
    frame() {
        return this.#until(() => this.frames.shift(), 'a frame');
    }

    /** The next STOMP frame of the command. */
    stomp(command) {
        return this.#until(() => {
            for (let frame; (frame = this.frames.shift()) !== undefined;) {
                if (frame !== 'h') {
                    this.inbox.push(...messagesOf(frame).filter((text) => text !== '\n')
                        .map((text) => readStomp(Buffer.from(text))));
                }
            }
            const at = this.inbox.findIndex((frame) => frame.command === command);
            return at < 0 ? undefined : this.inbox.splice(at, 1)[0];
        }, command);
    }

    async end(ms) {
        await this.#until(() => (this.ended ? true : undefined), 'the end', ms);
    }

    async connect() {
        await this.send(this.connectFrame());
        return this.stomp('CONNECTED');
    }

    async subscribe() {
        await this.send(stomp('SUBSCRIBE', { id: '0', destination: '/user/queue/messages',
                                             receipt: 'sub' }));
        return this.stomp('RECEIPT');
    }

    pause() {
        this.#response.pause();
    }

    resume() {
        this.#response.resume();
    }

    abort() {
        this.#response.abort();
    }
}

export async function openStream(server, user, transport, more) {
    const stream = new Stream(server, user, await getTicket(user));
    await stream.open(transport, more);
    assert.equal(stream.status, 200);
    assert.equal(await stream.frame(), 'o');
    return stream;
}

function listen(ws) {
    const items = [];
    let wake = () => {};
    const put = (item) => {
        items.push(item);
        wake();
    };
    ws.on('message', (data) => put(data.toString()));
    ws.on('close', (code, reason) => put({ code, reason: reason.toString() }));
    ws.on('error', () => {});
    return async ({ ms = WAIT } = {}) => {
        const until = Date.now() + ms;
        while (!items.length) {
            assert.ok(Date.now() < until, 'nothing came');
            await new Promise((done) => {
                wake = done;
                setTimeout(done, 100);
            });
        }
        return items.shift();
    };
}

/** A WebSocket, {ws, next}: next() is its next message as text, or its close, {code, reason}. */
export function socketTo(server, path, options) {
    const ws = new WebSocket(server.api.replace('http', 'ws') + path, options);
    return { ws, next: listen(ws) };
}
