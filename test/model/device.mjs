// A device of a user: it keeps the id of the last event it saw and comes back with it, over one of four
// transports, through a proxy of its own. It notes what came; world.mjs judges it.

import WebSocket from 'ws';
import { readStomp, stomp } from '../contract/frames.mjs';
import { getTicket, unique, within } from '../contract/harness.mjs';
import { SUBPROTOCOLS, wsUrl } from '../contract/realtime.mjs';
import { messagesOf, pathOf, SockSession, Stream } from '../contract/sockjs.mjs';

const CONNECTED_WITHIN = 15_000;

/** Each opens and gives {send(...frames), end()}; calls `take` with each message of the server. */
const TRANSPORTS = {
    async ws(door, user, ticket, take, lost) {
        const ws = new WebSocket(wsUrl(door, ticket), SUBPROTOCOLS);
        ws.on('message', take).on('error', () => {}).on('close', lost);
        await new Promise((done, fail) => ws.on('open', done).on('close', () => fail(new Error('not opened'))));
        return { send: (...frames) => frames.forEach((frame) => ws.send(frame, { binary: false })), end: () => ws.terminate() };
    },
    async websocket(door, user, ticket, take, lost) {
        const ws = new WebSocket(door.api.replace('http', 'ws') + pathOf(unique('s'), 'websocket', ticket));
        ws.on('error', () => {}).on('close', lost);
        await new Promise((done, fail) => {
            ws.on('close', () => fail(new Error('not opened')));
            ws.on('message', (data) => {
                const frame = data.toString();
                frame === 'o' ? done() : frame[0] === 'a' && messagesOf(frame).forEach((text) => take(Buffer.from(text)));
            });
        });
        return { send: (...frames) => ws.send(JSON.stringify(frames.map(String))), end: () => ws.terminate() };
    },
    async xhr_streaming(door, user, ticket, take, lost) {
        const stream = new Stream(door, user, ticket);
        stream.onFrame = (frame) => frame[0] === 'a' && messagesOf(frame).forEach((text) => take(Buffer.from(text)));
        let over = false;
        await new Promise((done, fail) => {
            const { onFrame } = stream;
            stream.onFrame = (frame) => (frame === 'o' ? done() : onFrame(frame));
            stream.open().then(() => stream.status === 200 || fail(new Error('not opened')), fail);
        });
        (async () => {
            while (!over) { // the server ends a response by and by; the next one goes on
                await stream.end(600_000);
                await stream.open();
                if (stream.status !== 200) {
                    break;
                }
            }
        })().catch(() => {}).finally(lost);
        return { send: (...frames) => stream.send(...frames).catch(lost), end: () => { over = true; } };
    },
    async xhr(door, user, ticket, take, lost) {
        const session = new SockSession(door, user, ticket);
        let over = false;
        const opened = await session.poll();
        if (opened.text !== 'o\n') {
            throw new Error(`not opened: ${opened.status} ${opened.text}`);
        }
        (async () => {
            while (!over) {
                const { text, status } = await session.poll();
                if (status !== 200 || !text || text[0] === 'c') {
                    break;
                }
                text[0] === 'a' && messagesOf(text.trim()).forEach((each) => take(Buffer.from(each)));
            }
        })().catch(() => {}).finally(lost);
        return { send: (...frames) => session.send(...frames).catch(lost), end: () => { over = true; } };
    },
};

export class Device {
    cursor;
    /** [{event, id, since}] that came and were not judged yet. */
    inbox = [];
    connection;

    constructor(name, user, proxy, transport) {
        Object.assign(this, { name, user, proxy, transport });
    }

    get online() {
        return this.connection !== undefined;
    }

    /**
     * Connects and subscribes with its cursor. since: the model's log length now. after: frames of the
     * server after which the device cuts the connection itself, or `retry`: at the event of what it sent again. also: what is written right behind.
     */
    async open({ since, after = Infinity, also = [], stall = false, onFrame = () => {} }) {
        const ticket = await getTicket(this.user);
        const connection = { since, with: this.cursor, left: after === 'retry' ? Infinity : after, open: true };
        const retried = after === 'retry' ? also[0]?.clientMessageId : null;
        let ready;
        const opened = new Promise((done, fail) => (ready = { done, fail }));
        opened.catch(() => {});
        const subscribed = new Promise((done) => {
            ready.subscribed = (receipt) => receipt === 'sub' && done();
            ready.gone = done;
        });
        connection.lost = () => {
            connection.open = false;
            ready.fail(new Error('lost before CONNECTED'));
            ready.gone();
            if (this.connection === connection) {
                this.connection = undefined;
            }
        };
        const take = (data) => {
            if (!connection.open || data.length <= 1) {
                return;
            }
            const frame = readStomp(data);
            if (frame.command === 'CONNECTED') {
                ready.done();
            } else if (frame.command === 'MESSAGE') {
                const event = JSON.parse(frame.body);
                const id = frame.headers['message-id'];
                this.inbox.push({ event, id, connection });
                this.cursor = id ?? this.cursor;
                if (--connection.left <= 0 || event.clientMessageId === retried) {
                    this.cut('rst');
                }
                onFrame();
            } else if (frame.command === 'RECEIPT') {
                ready.subscribed(frame.headers['receipt-id']);
            } else if (frame.command === 'ERROR') {
                connection.error = frame.headers.message;
            }
        };
        connection.wire = await within(CONNECTED_WITHIN, () => `${this.name} did not open`,
            TRANSPORTS[this.transport](this.proxy, this.user, ticket, take, connection.lost));
        this.connection = connection;
        connection.wire.send(stomp('CONNECT', { 'accept-version': '1.2', 'Authorization': `Bearer ${this.user.jwt}` }));
        await within(CONNECTED_WITHIN, () => `${this.name} was not CONNECTED`, opened);
        const bytes = [stomp('SUBSCRIBE', { id: '0', destination: '/user/queue/messages', receipt: 'sub',
                                            ...(connection.with && { 'last-event-id': connection.with }) })];
        if (stall) {
            this.proxy.stall();
        }
        for (const action of also) {
            bytes.push(stomp('SEND', { destination: '/api/chat', receipt: unique('r') }, JSON.stringify(action)));
        }
        const sent = connection.wire.send(...bytes);
        if (!stall) { // else the answer to xhr_send does not come either
            await sent;
        }
        connection.subscribed = () => within(CONNECTED_WITHIN, () => `${this.name} was not subscribed`, subscribed);
        if (!connection.with && !stall) { // else the receipt does not come either
            await connection.subscribed();
        }
        return connection;
    }

    cut(how) {
        const { connection } = this;
        if (connection) {
            connection.open = false;
            this.connection = undefined;
            this.proxy.flow();
            this.proxy.cut(how);
            connection.wire?.end();
        }
    }
}
