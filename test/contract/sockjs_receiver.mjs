// A SockJS client that goes on receiving, whatever the transport: it polls again, opens a stream
// anew where one ends, each request on a connection of its own, so that they come to whatever loop.
//
//     const receiver = await openReceiver(server, user, 'xhr');
//     await receiver.subscribe({ 'last-event-id': cursor });
//     await receiver.until(() => receiver.events.length === 10, '10 events');
//     await receiver.close();

import assert from 'node:assert/strict';
import { readStomp, stomp } from './frames.mjs';
import { getTicket, unique, within } from './harness.mjs';
import { WAIT } from './realtime.mjs';
import { ask, messagesOf, SockSession, socketTo, Stream } from './sockjs.mjs';

/** Of a receiver that has nothing to receive. */
const LONG = 600_000;

export const RECEIVERS = ['websocket', 'xhr', 'xhr_streaming', 'eventsource', 'htmlfile', 'jsonp'];

class Receiver {
    /** Events as they came, parsed, and the headers of their frames. */
    events = [];
    headers = [];
    /** [code, reason] of the close frame. */
    closed;
    #commands = [];
    #look = new Set();
    #paused;
    #go;

    constructor(session, transport) {
        Object.assign(this, { session, transport });
    }

    /** Receives until the close frame; rejects when an answer is none of SockJS. */
    async run() {
        const { transport } = this;
        const loops = { websocket: this.#socket, xhr: this.#polls, jsonp: this.#polls };
        this.ended = (loops[transport] ?? this.#streams).call(this);
        this.ended.catch((error) => (this.error = error)).finally(() => this.#changed());
        await this.until(() => this.opened, 'the open frame');
    }

    async #socket() {
        const { ws, next } = socketTo(this.session.server, this.session.path('websocket'));
        this.ws = ws;
        while (!this.closed) {
            const frame = await next({ ms: LONG });
            assert.equal(typeof frame, 'string', `the WebSocket closed: ${JSON.stringify(frame)}`);
            this.#frame(frame);
        }
        ws.terminate();
    }

    async #polls() {
        const jsonp = this.transport === 'jsonp';
        while (!this.closed) {
            await this.#paused;
            const { server } = this.session;
            const res = jsonp ? await ask(server, 'GET', this.session.path('jsonp', { c: 'x' })) :
                await ask(server, 'POST', this.session.path('xhr'));
            assert.equal(res.status, 200, res.text);
            this.#frame(jsonp ? JSON.parse(res.text.slice('/**/x('.length, -');\r\n'.length)) :
                res.text.slice(0, -1));
        }
    }

    async #streams() {
        const { server, user, ticket, id } = this.session;
        while (!this.closed) {
            const stream = new Stream(server, user, ticket, id);
            stream.onFrame = (frame) => this.#frame(frame);
            await stream.open(this.transport, this.transport === 'htmlfile' ? { c: 'x' } : {});
            assert.equal(stream.status, 200);
            await stream.end(LONG);
        }
    }

    #frame(frame) {
        if (frame === 'o') {
            this.opened = true;
        } else if (frame[0] === 'c') {
            this.closed = JSON.parse(frame.slice(1));
        } else if (frame !== 'h') {
            messagesOf(frame).filter((text) => text !== '\n').forEach((text) => this.#stomp(text));
        }
        this.#changed();
    }

    #stomp(text) {
        const frame = readStomp(Buffer.from(text));
        if (frame.command === 'MESSAGE') {
            this.events.push(JSON.parse(frame.body));
            this.headers.push(frame.headers);
        } else {
            this.#commands.push(frame);
        }
    }

    #changed() {
        this.#look.forEach((look) => look());
    }

    /** Waits until the probe gives something true; fails when the session has ended before. */
    async until(probe, what, ms = WAIT) {
        let look;
        const found = new Promise((done, fail) => {
            look = () => {
                const value = probe();
                if (value) {
                    done(value);
                } else if (this.error || this.closed) {
                    fail(this.error ?? new Error(`${what}: closed ${this.closed}`));
                }
            };
            this.#look.add(look);
            look();
        });
        const state = () => `${this.transport}: no ${what}; ${this.events.length} events, the last ` +
            JSON.stringify(this.events.at(-1))?.slice(0, 300);
        return within(ms, state, found).finally(() => this.#look.delete(look));
    }

    command(name) {
        return this.until(() => {
            const at = this.#commands.findIndex((frame) => frame.command === name);
            return at >= 0 && this.#commands.splice(at, 1)[0];
        }, name);
    }

    async send(...frames) {
        if (this.ws) {
            this.ws.send(JSON.stringify(frames.map((frame) => frame.toString())));
        } else {
            await this.session.send(...frames);
        }
    }

    async connect() {
        await this.send(this.session.connectFrame());
        return this.command('CONNECTED');
    }

    async subscribe(headers = {}) {
        await this.send(stomp('SUBSCRIBE', { id: '0', destination: '/user/queue/messages',
                                             receipt: unique('sub'), ...headers }));
        return this.command('RECEIPT');
    }

    /** Polls no more after the present one, until resume(). */
    pause() {
        this.#paused = new Promise((done) => (this.#go = done));
    }

    resume() {
        this.#paused = undefined;
        this.#go();
    }

    /** DISCONNECT, and the close frame awaited. */
    async close() {
        await this.send(stomp('DISCONNECT', {}));
        await this.until(() => this.closed, 'close frame');
        assert.equal(this.closed[0], 1000);
        await this.ended;
    }
}

/** Open and CONNECTED. */
export async function openReceiver(server, user, transport) {
    const session = new SockSession(server, user, await getTicket(user));
    const receiver = new Receiver(session, transport);
    await receiver.run();
    await receiver.connect();
    return receiver;
}
