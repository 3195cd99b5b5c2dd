// One STOMP connection, from its socket's opening to its close. It never comes back by itself:
// stompjs could, but it knows nothing of tickets, of Retry-After, or of close codes.

import { Client, type IFrame, type IMessage } from '@stomp/stompjs';
import type { Environment } from './environment.js';
import { WhispError } from './errors.js';
import type { ServerEvent } from './events.js';

const SUBPROTOCOLS = ['v12.stomp', 'v11.stomp', 'v10.stomp'];
const HEARTBEAT_MS = 10_000;
/** From the socket's opening to the subscription. */
const OPEN_WITHIN_MS = 15_000;
/** The close code that stompjs makes up when heart-beats stay away. */
const SILENT = 4001;
/** For the server to answer a DISCONNECT. */
const CLOSE_WITHIN_MS = 2_000;

/** `WebSocket`: the browser's own, or in Node the one of the package `ws`. */
export type WebSocketImpl = new (url: string, protocols?: string | string[]) => object;

type Socket = ReturnType<NonNullable<Client['webSocketFactory']>>;

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

/**
 * Browsers slow the timers of hidden pages down to one a minute, and stompjs sends heart-beats by
 * timer, so the server would take the page for dead. What it sends is not slowed down.
 */
function answerHeartbeats(socket: Socket, now: () => number): void {
    const target = socket as Partial<Pick<EventTarget, 'addEventListener'>>;
    let last = now();
    target.addEventListener?.('message', () => {
        if (now() - last >= HEARTBEAT_MS / 2) {
            last = now();
            socket.send('\n');
        }
    });
}

/** Throws what the WebSocket's constructor throws. */
export function openLink(options: LinkOptions, hooks: LinkHooks): Link {
    const { environment } = options;
    const socket = new options.WebSocket(options.url, SUBPROTOCOLS) as Socket;
    const ending: Ending = { code: 1006, reason: 'connection lost' };
    let ended = false;
    let timer: unknown;

    const end = (): void => {
        if (!ended) {
            ended = true;
            environment.clearTimeout(timer);
            hooks.closed(ending);
        }
    };
    const drop = (reason: string): void => {
        ending.reason = reason;
        end();
        void client.deactivate({ force: true });
    };
    const received = ({ headers, body }: IMessage): void => {
        if (!ended) {
            hooks.event(headers['message-id'] ?? '', JSON.parse(body) as ServerEvent);
        }
    };
    const failed = ({ headers, body }: IFrame): void => {
        ending.error = new WhispError(headers.message ?? body,
                                      { status: 401, code: 'CONNECTION_REFUSED', body });
    };

    const client: Client = new Client({
        webSocketFactory: () => socket,
        connectHeaders: { Authorization: `Bearer ${options.jwt}` },
        reconnectDelay: 0,
        heartbeatIncoming: HEARTBEAT_MS,
        heartbeatOutgoing: HEARTBEAT_MS,
        discardWebsocketOnCommFailure: true,
        onConnect: () => {
            answerHeartbeats(socket, environment.now);
            client.subscribe('/user/queue/messages', received, { ...options.headers, receipt: 'subscribed' });
        },
        onUnhandledReceipt: ({ headers }) => {
            const id = headers['receipt-id'] ?? '';
            if (ended) {
                return;
            }
            if (id === 'subscribed') {
                environment.clearTimeout(timer);
                hooks.opened();
            } else {
                hooks.receipt(id);
            }
        },
        onStompError: failed,
        onWebSocketClose: ({ code, reason }: { code: number; reason: string }) => {
            ending.code = code;
            ending.reason = code === SILENT ? 'the server fell silent'
                : reason || ending.error?.message || `closed with ${code}`;
            end();
        },
    });
    client.activate();
    timer = environment.setTimeout(() => drop('the server did not answer in time'), OPEN_WITHIN_MS);

    return {
        send(action, receipt) {
            client.publish({ destination: '/api/chat', body: JSON.stringify(action), headers: { receipt } });
        },
        close() {
            environment.clearTimeout(timer);
            timer = environment.setTimeout(() => drop('closed'), CLOSE_WITHIN_MS);
            void client.deactivate();
        },
        drop,
    };
}
