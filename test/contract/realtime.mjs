// Realtime sessions for tests. connect() is a real client (@stomp/stompjs over ws) that has
// subscribed; rawSocket() is a WebSocket on which a test writes STOMP itself.
//
//     const bob = await connect(server, user);
//     await bob.send({ type: 'SEND_MSG', chatId, message: 'hi' });    // resolves at the RECEIPT
//     const event = await bob.next({ type: 'SEND_MSG', message: 'hi' });
//     await bob.none('TYPING', { chat: chatId });                      // nothing of it came
//     await bob.close();
//
// Every frame that arrives, every action that is taken and every close code must be one that the
// document of the realtime protocol knows. Waiting never sleeps: it ends with the event, with the connection, or fails after WAIT.

import { Client } from '@stomp/stompjs';
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { described, insist } from './description.mjs';
import { readStomp, stomp } from './frames.mjs';
import { api, expectStatus, getTicket, unique, within } from './harness.mjs';

export const WAIT = 10_000;
export const SUBPROTOCOLS = ['v12.stomp', 'v11.stomp', 'v10.stomp'];

/** The WebSocket URL for a ticket; null leaves the ticket out. */
export function wsUrl(server, ticket) {
    const base = `${server.api.replace(/^http/, 'ws')}/api/wsConnect`;
    return ticket === null ? base : `${base}?ticket=${encodeURIComponent(ticket)}`;
}

/** A SEND that the server refused: `code` and the whole ERROR `event`. */
export class Refused extends Error {
    name = 'Refused';
    constructor(event) {
        super(`${event.code}: ${event.message}`);
        this.code = event.code;
        this.event = event;
    }
}

/** A list that grows, and those who wait for something to be in it. Each item is taken once. */
class Inbox {
    all = [];
    #untaken = [];
    #waiting = new Set();
    #ended;

    push(item) {
        this.all.push(item);
        for (const waiter of this.#waiting) {
            if (waiter.matches(item)) {
                this.#waiting.delete(waiter);
                waiter.done(item);
                return;
            }
        }
        this.#untaken.push(item);
    }

    /** Nothing more will come; who still waits is told why. */
    end(error) {
        this.#ended ??= error;
        this.#waiting.forEach((waiter) => waiter.fail(this.#ended));
        this.#waiting.clear();
    }

    /** What nobody has taken yet, in order. */
    untaken() {
        return [...this.#untaken];
    }

    forget() {
        this.#untaken.length = 0;
    }

    /** The first untaken item that matches, when it comes. */
    async next(matches, what, ms) {
        const index = this.#untaken.findIndex(matches);
        if (index >= 0) {
            return this.#untaken.splice(index, 1)[0];
        }
        const waiter = { matches };
        const found = new Promise((done, fail) => Object.assign(waiter, { done, fail }));
        if (this.#ended) {
            waiter.fail(this.#ended);
        } else {
            this.#waiting.add(waiter);
        }
        const told = found.catch((error) => {
            throw new Error(`${what()}: ${error.message}`, { cause: error });
        });
        return within(ms, what, told).finally(() => this.#waiting.delete(waiter));
    }
}

function matcher(match) {
    if (typeof match === 'function') {
        return match;
    }
    const wanted = typeof match === 'string' ? { type: match } : match;
    const fields = Object.entries(wanted);
    return (event) => fields.every(([name, value]) => event[name] === value);
}

// ---------------------------------------------------------------- a real client

class Session {
    /** Every event so far, parsed, in the order of arrival; `frames` has their headers. */
    get events() {
        return this.#inbox.all;
    }
    frames = [];
    /** Called with each event as it arrives, for load tests. */
    onEvent;
    /** Resolves with {code, reason} when the WebSocket is closed, by whomever. */
    closed;
    /** The headers of CONNECTED. */
    connected;

    #inbox = new Inbox();
    #receipts = new Map(); // id -> {done, fail}
    #receiptOrder = [];
    #client;
    #subscription;
    #ended;

    constructor(server, user, options) {
        this.server = server;
        this.user = user;
        this.options = { subscribe: true, destination: `/user/${user.id}/queue/messages`, ...options };
    }

    async open() {
        const { options, user } = this;
        const ticket = options.ticket ?? await getTicket(user);
        let failed;
        let ready;
        const opened = new Promise((done, fail) => {
            ready = done;
            failed = fail;
        });
        this.closed = new Promise((done) => {
            this.#client = new Client({
                webSocketFactory: () => new WebSocket(wsUrl(this.server, ticket), SUBPROTOCOLS,
                                                       options.ws),
                connectHeaders: { Authorization: `Bearer ${user.jwt}`, ...options.connectHeaders },
                reconnectDelay: 0,
                heartbeatIncoming: options.heartbeat?.[1] ?? 0,
                heartbeatOutgoing: options.heartbeat?.[0] ?? 0,
                onConnect: (frame) => {
                    insist(() => described.frame(frame));
                    this.connected = frame.headers;
                    ready();
                },
                onStompError: (frame) => {
                    insist(() => described.frame(frame));
                    const text = frame.headers.message ?? frame.body;
                    this.#end(Object.assign(new Error(`ERROR frame: ${text}`), { frame }), failed);
                },
                onWebSocketError: (error) => {
                    this.#end(new Error(`WebSocket: ${error.message}`, { cause: error }), failed);
                },
                onWebSocketClose: ({ code, reason }) => {
                    insist(() => described.closed(code));
                    this.#end(Object.assign(new Error(`closed ${code} ${reason}`), { code }), failed);
                    done({ code, reason });
                },
                onUnhandledMessage: (frame) => this.#arrived(frame),
                onUnhandledReceipt: (frame) => this.#confirmed(frame.headers['receipt-id']),
            });
        });
        this.#client.activate();
        await within(WAIT, () => `${user.username} was not CONNECTED`, opened);
        if (options.subscribe) {
            await this.subscribe();
        }
        return this;
    }

    /** SUBSCRIBE, and its receipt awaited. */
    async subscribe(headers = this.options.subscribeHeaders) {
        const receipt = this.#receipt('SUBSCRIBE');
        this.#subscription = this.#client.subscribe(this.options.destination,
                                                    (frame) => this.#arrived(frame),
                                                    { receipt: receipt.id, ...headers });
        await receipt.confirmed;
    }

    /** UNSUBSCRIBE, and its receipt awaited. */
    async unsubscribe() {
        const receipt = this.#receipt('UNSUBSCRIBE');
        this.#subscription.unsubscribe({ receipt: receipt.id });
        await receipt.confirmed;
    }

    /**
     * Sends an action. Resolves at its RECEIPT, rejects with Refused when the ERROR event for it
     * comes. With {receipt: false} it asks for none and returns at once. Also: receiptId, headers.
     */
    send(action, { receipt = true, receiptId, headers = {} } = {}) {
        const body = typeof action === 'string' ? action : JSON.stringify(action);
        if (!receipt) {
            this.#client.publish({ destination: '/api/chat', body, headers });
            return undefined;
        }
        const { id, confirmed } = this.#receipt(body.slice(0, 200), receiptId);
        if (!this.#ended) {
            this.#client.publish({
                destination: '/api/chat', body, headers: { ...headers, receipt: id },
            });
        }
        confirmed.then(() => insist(() => described.accepted(JSON.parse(body))), () => {});
        return confirmed;
    }

    /** Sends a message and resolves with its event, after the RECEIPT. */
    async post(chatId, message = unique('text')) {
        const [event] = await Promise.all([
            this.next({ type: 'SEND_MSG', chatId, message, senderId: this.user.id }),
            this.send({ type: 'SEND_MSG', chatId, message }),
        ]);
        return event;
    }

    /** Checks that an action is refused, with this code if one is given; resolves with the event. */
    async refused(action, code) {
        let refusal;
        try {
            await this.send(action);
        } catch (error) {
            refusal = error;
        }
        assert.ok(refusal, `${JSON.stringify(action).slice(0, 300)} was not refused`);
        if (!(refusal instanceof Refused)) {
            throw refusal;
        }
        if (code !== undefined) {
            assert.ok([code].flat().includes(refusal.code), `expected ${code}, not ${refusal.message}`);
        }
        return refusal.event;
    }

    /** The next event not yet taken that matches: a type, an object of fields, or a predicate. */
    next(match, ms = WAIT) {
        const what = () => `${this.user.username} did not get ${describe(match)}; has untaken: ` +
            JSON.stringify(this.#inbox.untaken().slice(-20));
        return this.#inbox.next(matcher(match), what, ms);
    }

    /**
     * Nothing untaken matches, and nothing that was confirmed before this call will: a message
     * sent now (in `chat`, by `by`) is awaited first, for events come in order.
     */
    async none(match, { chat, by = this } = {}) {
        const text = unique('fence');
        await by.send({ type: 'SEND_MSG', chatId: chat, message: text });
        await this.next({ type: 'SEND_MSG', chatId: chat, message: text });
        const found = this.#inbox.untaken().filter(matcher(match)).filter(notFence);
        assert.deepEqual(found, [], `${this.user.username} got ${describe(match)}`);
    }

    /** Marks everything so far as taken. */
    forget() {
        this.#inbox.forget();
    }

    /** Receipt ids in the order of arrival. */
    get receiptOrder() {
        return this.#receiptOrder;
    }

    /** DISCONNECT; resolves when the socket is closed. */
    async close() {
        await this.#client.deactivate();
        return this.whenClosed();
    }

    /** The socket's end without a DISCONNECT, like a lost network. */
    async drop() {
        await this.#client.deactivate({ force: true });
    }

    /** Reads nothing until resume(). */
    pause() {
        this.#client.webSocket.pause();
    }

    resume() {
        this.#client.webSocket.resume();
    }

    /** Waits until the server (or anyone) has closed: {code, reason}. */
    whenClosed(ms = WAIT) {
        return within(ms, () => `the session of ${this.user.username} was not closed`, this.closed);
    }

    #arrived(frame) {
        const event = JSON.parse(frame.body);
        insist(() => described.frame(frame), (lie) => this.#inbox.end(lie));
        this.frames.push({ headers: frame.headers, event });
        if (event.type === 'ERROR' && this.#receipts.has(event.receipt)) {
            const { fail } = this.#receipts.get(event.receipt);
            this.#receipts.delete(event.receipt);
            fail(new Refused(event));
        } else {
            this.#inbox.push(event);
        }
        this.onEvent?.(event);
    }

    #confirmed(id) {
        this.#receiptOrder.push(id);
        this.#receipts.get(id)?.done(id);
        this.#receipts.delete(id);
    }

    #receipt(what, id = unique('receipt')) {
        const confirmed = within(WAIT, () => `no RECEIPT for ${what}`, new Promise((done, fail) => {
            if (this.#ended) {
                fail(this.#ended);
            } else {
                this.#receipts.set(id, { done, fail });
            }
        }));
        confirmed.catch(() => {}); // whoever awaits it still sees it
        return { id, confirmed };
    }

    #end(error, failed) {
        this.#ended ??= error;
        failed(error);
        this.#inbox.end(error);
        this.#receipts.forEach(({ fail }) => fail(error));
        this.#receipts.clear();
    }
}

const notFence = (event) => !(typeof event.message === 'string' && event.message.startsWith('fence-'));

function describe(match) {
    return typeof match === 'function' ? match.toString() : JSON.stringify(match);
}

/**
 * A connected session, subscribed unless {subscribe: false}. Other options: destination,
 * subscribeHeaders, connectHeaders, heartbeat [sent, wanted] in ms, ticket, ws (for its socket).
 */
export function connect(server, user, options = {}) {
    return new Session(server, user, options).open();
}

/** Every message of a chat, oldest first, page by page. */
export async function wholeHistory(user, chatId) {
    const all = [];
    let cursor = '';
    for (;;) {
        const path = `/api/messages/getMessages/${chatId}?size=100${cursor && `&lastMessage=${cursor}`}`;
        const { messages } = expectStatus(await api(user, 'GET', path), 200).body;
        all.push(...messages);
        if (messages.length < 100) {
            return all.reverse();
        }
        cursor = messages.at(-1).messageId;
    }
}

// ---------------------------------------------------------------- STOMP by hand

class RawSocket {
    /** Heart-beats received so far. */
    heartbeats = 0;
    /** WebSocket pings received so far, and their times. */
    pings = [];
    /** Resolves with {code, reason}. */
    closed;
    /** The subprotocol the server chose, '' if none. */
    get protocol() {
        return this.#ws.protocol;
    }
    #inbox = new Inbox();
    #ws;
    #user;

    constructor(ws, user) {
        this.#ws = ws;
        this.#user = user;
        ws.on('message', (data) => this.#arrived(data));
        ws.on('ping', () => this.pings.push(Date.now()));
        ws.on('error', () => {}); // 'close' follows
        this.closed = new Promise((done) => {
            ws.on('close', (code, reason) => {
                insist(() => described.closed(code));
                this.#inbox.end(new Error(`closed ${code} ${reason}`));
                done({ code, reason: reason.toString() });
            });
        });
    }

    /** Bytes or text as one WebSocket message, whatever they are. */
    write(data, { binary = typeof data !== 'string' } = {}) {
        this.#ws.send(data, { binary });
    }

    /** One STOMP frame as one text message. */
    send(command, headers, body) {
        this.#ws.send(stomp(command, headers, body), { binary: false });
    }

    /** A SEND of an action; header fields as given. */
    action(action, headers = {}) {
        this.send('SEND', { destination: '/api/chat', ...headers }, JSON.stringify(action));
    }

    /** The next frame that matches: a command, or a predicate. Others stay. */
    next(match = () => true, ms = WAIT) {
        const matches = typeof match === 'string' ? (frame) => frame.command === match : match;
        const what = () => `no ${describe(match)} frame; there were ` +
            JSON.stringify(this.#inbox.untaken().slice(-10));
        return this.#inbox.next(matches, what, ms);
    }

    get frames() {
        return this.#inbox.all;
    }

    /** CONNECT by the user; resolves with the CONNECTED frame. */
    async connect(headers = {}) {
        this.send('CONNECT', {
            'accept-version': '1.2',
            Authorization: `Bearer ${this.#user.jwt}`,
            ...headers,
        });
        const frame = await this.next();
        assert.equal(frame.command, 'CONNECTED', JSON.stringify(frame));
        return frame;
    }

    /** SUBSCRIBE with a receipt, awaited. */
    async subscribe(id = 'sub-0', headers = {}) {
        const receipt = unique('sub');
        this.send('SUBSCRIBE', { id, destination: '/user/queue/messages', receipt, ...headers });
        await this.next((frame) => frame.headers['receipt-id'] === receipt);
    }

    /** Checks that the server answers with an ERROR frame and then closes; resolves with the frame. */
    async failed() {
        const frame = await this.next('ERROR');
        assert.ok(frame.headers.message, `an ERROR frame without a message: ${JSON.stringify(frame)}`);
        assert.ok(frame.body.length > 0, 'an ERROR frame without a body');
        await this.whenClosed();
        assert.equal(this.#inbox.all.at(-1), frame, 'a frame came after the ERROR frame');
        return frame;
    }

    whenClosed(ms = WAIT) {
        return within(ms, () => 'the socket was not closed', this.closed);
    }

    /** Sends a WebSocket ping; resolves at its pong. */
    ping() {
        const pong = new Promise((done) => this.#ws.once('pong', done));
        this.#ws.ping('are you there?');
        return pong;
    }

    async close() {
        this.#ws.terminate();
        await this.closed;
    }

    #arrived(data) {
        if (data.length === 1 && data[0] === 10) {
            this.heartbeats++;
            return;
        }
        try {
            const frame = readStomp(data);
            insist(() => described.frame(frame), (lie) => this.#inbox.end(lie));
            this.#inbox.push(frame);
        } catch (error) {
            this.#inbox.end(error);
        }
    }
}

/**
 * An open WebSocket for a user's ticket, nothing sent yet. options: ticket, protocols, headers,
 * autoPong (false: pings are not answered).
 * Rejects with {status, body} when the upgrade is refused.
 */
export async function rawSocket(server, user, options = {}) {
    const ticket = options.ticket === undefined ? await getTicket(user) : options.ticket;
    const ws = new WebSocket(wsUrl(server, ticket), options.protocols ?? SUBPROTOCOLS,
                             { headers: options.headers, autoPong: options.autoPong ?? true });
    const socket = new RawSocket(ws, user);
    await within(WAIT, () => 'the WebSocket did not open', new Promise((done, fail) => {
        ws.on('open', done);
        ws.on('error', fail);
        ws.on('unexpected-response', (_, response) => {
            let body = '';
            response.setEncoding('utf8').on('data', (text) => (body += text));
            response.on('end', () => {
                fail(Object.assign(new Error(`upgrade refused: ${response.statusCode} ${body}`), {
                    status: response.statusCode,
                    headers: response.headers,
                    body: body && JSON.parse(body),
                }));
                ws.terminate();
            });
        });
    }));
    return socket;
}
