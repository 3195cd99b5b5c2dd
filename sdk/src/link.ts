// One STOMP connection, from its socket's opening to its close. It never comes back by itself: that
// needs tickets, Retry-After and close codes, which are Keeper's.

import type { Environment } from './environment.js';
import { WhispError } from './errors.js';
import type { ServerEvent } from './events.js';
import { decodeFrames, encodeFrame, encodeUtf8, type Frame } from './stomp.js';

const SUBPROTOCOL = 'v12.stomp';
const HEARTBEAT_MS = 10_000;
/** A server that falls silent for so many heart-beats is away. */
const MOST_MISSED = 2;
/** When it seems so, what came while this device slept may still wait to be read. */
const LOOK_AGAIN_MS = 1_000;
/** From the socket's opening to the subscription. */
const OPEN_WITHIN_MS = 15_000;
/** For the server to answer a DISCONNECT. */
const CLOSE_WITHIN_MS = 2_000;

const OPEN = 1;

/** `WebSocket`: the browser's own, or in Node the one of the package `ws`. */
export type WebSocketImpl = new (url: string, protocols?: string | string[]) => object;

/** What is used of a WebSocket. */
interface Socket {
    readonly readyState: number;
    onopen: (() => void) | null;
    onmessage: ((event: { data: unknown }) => void) | null;
    onerror: ((event?: { message?: unknown }) => void) | null;
    onclose: ((event: { code?: number; reason?: string }) => void) | null;
    send(data: string | Uint8Array): void;
    close(): void;
    /** Of the package `ws`: at once. Its close() waits for the other side. */
    terminate?(): void;
}

export interface LinkOptions {
    url: string;
    jwt: string;
    /** Of the SUBSCRIBE frame. */
    headers: Record<string, string>;
    WebSocket: WebSocketImpl;
    environment: Environment;
}

/** How it ended: the WebSocket's close code and reason, and what the server said in an ERROR frame. */
export interface Ending {
    code: number;
    reason: string;
    error?: WhispError;
}

export interface LinkHooks {
    /** Subscribed: events come from now on. */
    opened(): void;
    event(id: string, event: ServerEvent): void;
    receipt(id: string): void;
    /** Once, and nothing after it. */
    closed(ending: Ending): void;
}

export interface Link {
    /** An action, confirmed by this receipt. */
    send(action: object, receipt: string): void;
    /** Says goodbye; `closed` follows. */
    close(): void;
    /** At once, without a word; `closed` follows. */
    drop(reason: string): void;
}

/** React Native cuts texts at NUL, which ends each frame; bytes it leaves alone. */
function isReactNative(): boolean {
    const { navigator } = globalThis as { navigator?: { product?: unknown } };
    return navigator?.product === 'ReactNative';
}

/** Browsers do not say why no WebSocket was opened; the package `ws` and React Native name the HTTP status. */
function unopenedError(url: string, why: unknown): WhispError {
    const status = Number(/(?:response: |was ')([23]\d\d)\b/.exec(String(why))?.[1] ?? 0);
    const reason = typeof why === 'string' && why ? ` (${why})` : '';
    return new WhispError(
        `No WebSocket could be opened at ${url.replace(/\?.*/, '')}${reason}. A proxy before the server must ` +
        'pass the headers Upgrade and Connection on.',
        { status, code: status ? 'NOT_A_WEBSOCKET' : 'NETWORK_ERROR', retryable: !status });
}

/** Throws what the WebSocket's constructor throws. */
export function openLink(options: LinkOptions, hooks: LinkHooks): Link {
    return new StompLink(options, hooks);
}

class StompLink implements Link {
    #options: LinkOptions;
    #hooks: LinkHooks;
    #environment: Environment;
    #socket: Socket;
    #asBytes = isReactNative();
    #ending: Ending = { code: 1006, reason: 'connection lost' };
    #ended = false;
    #timer: unknown;
    #sending: unknown;
    #listening: unknown;
    #lastSent = 0;
    #lastHeard = 0;

    constructor(options: LinkOptions, hooks: LinkHooks) {
        this.#options = options;
        this.#hooks = hooks;
        this.#environment = options.environment;
        const socket = new options.WebSocket(options.url, [SUBPROTOCOL]) as Socket;
        this.#socket = socket;
        this.#timer = this.#environment.setTimeout(
            () => this.drop('the server did not answer in time'), OPEN_WITHIN_MS);
        let wasOpen = false;
        socket.onopen = () => {
            wasOpen = true;
            this.#write('CONNECT', {
                'accept-version': '1.2', 'heart-beat': `${HEARTBEAT_MS},${HEARTBEAT_MS}`,
                Authorization: `Bearer ${options.jwt}`,
            });
        };
        socket.onmessage = ({ data }) => {
            try {
                this.#heard(String(data));
            } catch {
                this.drop('the server sent what cannot be read');
            }
        };
        socket.onerror = (event) => { // its close follows
            if (!wasOpen) {
                this.#ending.error = unopenedError(options.url, event?.message);
            }
        };
        socket.onclose = ({ code = 1006, reason }) => {
            this.#ending.code = code;
            this.#ending.reason = reason || this.#ending.error?.message || `closed with ${code}`;
            this.#end();
        };
    }

    send(action: object, receipt: string): void {
        this.#write('SEND', { destination: '/api/chat', receipt }, JSON.stringify(action));
    }

    close(): void {
        this.#environment.clearTimeout(this.#timer);
        this.#timer = this.#environment.setTimeout(() => this.drop('closed'), CLOSE_WITHIN_MS);
        if (this.#socket.readyState === OPEN) {
            this.#write('DISCONNECT', { receipt: 'disconnected' });
        } else {
            this.drop('closed');
        }
    }

    drop(reason: string): void {
        this.#ending.reason = reason;
        this.#end();
        const { terminate, close } = this.#socket;
        (terminate ?? close).call(this.#socket);
    }

    #end(): void {
        if (!this.#ended) {
            this.#ended = true;
            for (const timer of [this.#timer, this.#sending, this.#listening]) {
                this.#environment.clearTimeout(timer);
            }
            this.#hooks.closed(this.#ending);
        }
    }

    #write(command: string, headers: Record<string, string>, body = ''): void {
        this.#put(encodeFrame({ command, headers, body }));
    }

    #put(text: string): void {
        if (this.#socket.readyState === OPEN) {
            this.#lastSent = this.#environment.now();
            this.#socket.send(this.#asBytes ? encodeUtf8(text) : text);
        }
    }

    #heard(message: string): void {
        this.#lastHeard = this.#environment.now();
        // Browsers slow the timers of hidden pages down to one a minute, so that heart-beats by timer
        // alone would come too late. What the server sends is not slowed down.
        if (this.#lastSent && this.#lastHeard - this.#lastSent >= HEARTBEAT_MS / 2) {
            this.#put('\n');
        }
        for (const frame of decodeFrames(message)) {
            if (!this.#ended) {
                this.#take(frame);
            }
        }
    }

    #take({ command, headers, body }: Frame): void {
        switch (command) {
        case 'CONNECTED':
            this.#beat(headers['heart-beat'] ?? '0,0');
            this.#write('SUBSCRIBE', { id: 'sub-0', destination: '/user/queue/messages',
                                       ...this.#options.headers, receipt: 'subscribed' });
            break;
        case 'RECEIPT':
            this.#confirmed(headers['receipt-id'] ?? '');
            break;
        case 'MESSAGE':
            this.#hooks.event(headers['message-id'] ?? '', JSON.parse(body) as ServerEvent);
            break;
        case 'ERROR':
            this.#ending.error = new WhispError(headers.message ?? body,
                                                { status: 401, code: 'CONNECTION_REFUSED', body });
        }
    }

    #confirmed(receipt: string): void {
        if (receipt === 'subscribed') {
            this.#environment.clearTimeout(this.#timer);
            this.#hooks.opened();
        } else if (receipt === 'disconnected') {
            this.#socket.close();
        } else {
            this.#hooks.receipt(receipt);
        }
    }

    /** `theirs` is what the server sends, and what it wants, in ms. */
    #beat(theirs: string): void {
        const { setTimeout, now } = this.#environment;
        const [sent = 0, wanted = 0] = theirs.split(',').map(Number);
        const send = (): void => {
            this.#put('\n');
            this.#sending = setTimeout(send, Math.max(wanted, HEARTBEAT_MS));
        };
        const silent = MOST_MISSED * Math.max(sent, HEARTBEAT_MS);
        const listen = (again: boolean): void => {
            const left = this.#lastHeard + silent - now();
            if (left <= 0 && again) {
                this.drop('the server fell silent');
            } else {
                this.#listening = setTimeout(() => listen(left <= 0), left > 0 ? left : LOOK_AGAIN_MS);
            }
        };
        if (wanted > 0) {
            this.#sending = setTimeout(send, Math.max(wanted, HEARTBEAT_MS));
        }
        if (sent > 0) {
            listen(false);
        }
    }
}
