// Keeps one connection: makes it, notices its end, comes back, and asks for what was missed.
//
// The cursor is the id of the event seen last. It goes with every SUBSCRIBE, and the server sends
// what came after it, then RESUMED. Until then only stored events move the cursor, because they come
// in the order of the log and others need not; and no action is sent, because its answer would come
// between. The first connection begins at the present end of the log, so that nothing that comes
// from then on can be missed, whenever the connection breaks.

import type { Auth } from './auth.js';
import { reconnectDelay, retryAfterOf } from './backoff.js';
import type { Emitter } from './emitter.js';
import type { Environment } from './environment.js';
import { WhispError } from './errors.js';
import { EVENT_NAMES, type MessageRepliedEvent, type ServerEvent, type StoredEvent, type WhispEvents } from './events.js';
import type { Http } from './http.js';
import { type Ending, type Link, openLink, type WebSocketImpl } from './link.js';
import type { Outbox } from './outbox.js';
import { Recent } from './recent.js';
import type { MessageContent } from './types.js';

const CONNECT_WITHIN_MS = 30_000;
/** A connection that held so long was a good one: the next delay is a short one again. */
const STABLE_MS = 10_000;

const NOT_ALLOWED = 1008;
const TOO_LARGE = 1009;
const RESTARTING = 1012;
/** What was sent is the reason: not the protocol, not this kind, not UTF-8, too large, it makes the server fail. */
const SENT_WRONG = new Set([1002, 1003, 1007, TOO_LARGE, 1011]);

export interface ConnectOptions {
    /** Milliseconds until `connect()` gives up on a server that does not answer; 30,000. */
    timeout?: number;
    /**
     * Try again until `timeout` where that may help: there is no server, it restarts, too many users
     * are connected. Without it `connect()` rejects at once, as it always does where it is hopeless.
     */
    retry?: boolean;
    /** Also get `presence`, of the users in your smaller chats. */
    presence?: boolean;
}

interface Parts {
    baseUrl: string;
    http: Http;
    auth: Auth;
    WebSocket: unknown;
    environment: Environment;
    outbox: Outbox;
    emitter: Emitter;
}

/** A promise of a connection. Nobody has to take its rejection. */
class Ready {
    resolve!: () => void;
    reject!: (error: unknown) => void;
    promise = new Promise<void>((resolve, reject) => {
        this.resolve = resolve;
        this.reject = reject;
    });

    constructor() {
        this.promise.catch(() => undefined);
    }
}

/** From one connect() to its end. */
interface Run {
    options: ConnectOptions;
    stop: AbortController;
    ready: Ready;
    link?: Link;
    /** Since when this connection is up, in ms since 1970. */
    openSince?: number;
    wasOpen: boolean;
    /** There was nothing to resume. */
    isNew?: boolean;
    attempt: number;
    lastError?: WhispError;
    timer?: unknown;
    wake?: () => void;
    unwatch?: () => void;
}

/** How one attempt ended. */
interface Ended {
    error: WhispError;
    reason: string;
    retry: boolean;
    /** It was up for so many ms; undefined if it never was. */
    lasted?: number;
    /** Come back within so many ms. */
    within?: number;
}

function asError(error: unknown): WhispError {
    return error instanceof WhispError ? error
        : new WhispError(String(error), {
            status: 0, code: 'CONNECTION_REFUSED', retryable: false, cause: error,
        });
}

/** Why the server ended a connection that was up, when that was for what was sent on it. */
function refusalOf(code: number, reason: string): WhispError {
    return code === TOO_LARGE
        ? new WhispError('An action is too large for the server, or a proxy before it: shorten the message.',
                         { status: 413, code: 'PAYLOAD_TOO_LARGE' })
        : new WhispError(`The server ended the connection because of an action: ${reason}`,
                         { status: 400, code: 'ACTION_REFUSED' });
}

/** A reply that comes late may have lost its original; its type promises one. */
function deletedOriginal({ chatId, timeStamp }: MessageRepliedEvent): MessageContent {
    return { chatId, timeStamp, messageId: '', senderId: '', content: '', edited: false, editedAt: null, deleted: true };
}

export class Keeper {
    #parts: Parts;
    #run: Run | undefined;
    /** Whose the cursor and the recent events are. */
    #userId: string | undefined;
    #cursor: string | undefined;
    #resuming = false;
    #recent = new Recent();

    constructor(parts: Parts) {
        this.#parts = parts;
    }

    get connected(): boolean {
        return this.#run?.openSince !== undefined;
    }

    /** Between connect() and disconnect(), connected or not. */
    get active(): boolean {
        return this.#run !== undefined;
    }

    connect(options: ConnectOptions = {}): Promise<void> {
        if (this.#run) {
            this.#run.wake?.();
            return this.#run.ready.promise;
        }
        const run: Run = { options, stop: new AbortController(), ready: new Ready(), wasOpen: false, attempt: 0 };
        this.#run = run;
        const { auth, environment } = this.#parts;
        if (auth.state && auth.state.userId !== this.#userId) {
            this.#userId = auth.state.userId;
            this.#cursor = undefined;
            this.#recent = new Recent();
        }
        run.timer = environment.setTimeout(() => this.#giveUp(run), options.timeout ?? CONNECT_WITHIN_MS);
        run.unwatch = environment.onNetwork((online) => this.#networkChanged(run, online));
        void this.#keep(run);
        return run.ready.promise;
    }

    disconnect(): void {
        const run = this.#run;
        if (run) {
            const link = run.link;
            this.#finish(run, { reason: 'disconnect() was called', retry: false,
                                error: new WhispError('Disconnected before the server answered.',
                                                      { status: 0, code: 'DISCONNECTED', retryable: true }) });
            link?.close();
        }
    }

    async #keep(run: Run): Promise<void> {
        const { emitter, environment } = this.#parts;
        while (this.#run === run) {
            const ended = await this.#once(run);
            if (this.#run !== run) {
                return;
            }
            run.lastError = ended.error;
            const returns = await this.#mayReturn(run, ended);
            if (this.#run !== run) {
                return;
            }
            if (!returns) {
                this.#finish(run, ended);
                return;
            }
            if (ended.lasted === undefined) {
                emitter.emit('error', { error: ended.error });
            } else {
                run.attempt = ended.lasted >= STABLE_MS ? 0 : run.attempt;
                emitter.emit('disconnected', { reason: ended.reason, willReconnect: true });
            }
            const delay = (ended.error.retryAfter ?? 0) +
                reconnectDelay(run.attempt++, environment.random, ended.within);
            emitter.emit('reconnecting', { attempt: run.attempt, delay });
            await this.#pause(run, delay);
        }
    }

    /**
     * A session is closed as not allowed when its sign-in was revoked, and for reasons that pass: the
     * app is suspended, too much was sent. Renewing tells which it was, and forgets a sign-in that is
     * over, so that whoever hears `disconnected` can look at `isAuthenticated`. While it is good, a
     * client that was connected once comes back.
     */
    async #mayReturn(run: Run, { error, retry }: Ended): Promise<boolean> {
        const { auth } = this.#parts;
        if (error.status === 401 && auth.state) {
            await auth.renew(auth.state.jwt).catch(() => undefined);
        }
        if (!run.wasOpen) {
            return retry && error.code !== 'NOT_A_WEBSOCKET' && run.options.retry === true;
        }
        const { status, code } = error;
        const isClosed = code === 'SESSION_CLOSED' || (code === 'CONNECTION_REFUSED' && status === 401);
        return retry || code === 'APP_SUSPENDED' || (isClosed && auth.state !== null);
    }

    /** One connection, from its ticket to its end. Never rejects. */
    async #once(run: Run): Promise<Ended> {
        const { environment } = this.#parts;
        try {
            const WebSocket = this.#socketClass();
            run.isNew = this.#cursor === undefined;
            this.#cursor ??= (await this.#get<{ cursor: string }>(run, '/api/sync')).cursor;
            const { ticket } = await this.#get<{ ticket: string }>(run, '/api/auth/getTicket');
            const jwt = this.#parts.auth.state?.jwt ?? '';
            const url = `${this.#parts.baseUrl.replace(/^http/, 'ws')}/api/wsConnect` +
                `?ticket=${encodeURIComponent(ticket)}`;
            if (run.stop.signal.aborted) { // after the ticket came, before this went on
                throw new WhispError('Disconnected.', { status: 0, code: 'DISCONNECTED', retryable: false });
            }
            return await new Promise<Ended>((resolve) => {
                this.#resuming = true;
                run.link = openLink({ url, jwt, headers: this.#headers(run), WebSocket, environment }, {
                    opened: () => this.#run === run && this.#opened(run),
                    event: (id, event) => this.#run === run && this.#arrived(run, id, event),
                    receipt: (id) => this.#run === run && this.#parts.outbox.confirmed(id),
                    closed: (ending) => resolve(this.#closed(run, ending)),
                });
            });
        } catch (error) {
            const known = asError(error);
            return { error: known, reason: known.message, retry: known.retryable };
        }
    }

    #socketClass(): WebSocketImpl {
        const found = this.#parts.WebSocket ?? (globalThis as { WebSocket?: unknown }).WebSocket;
        if (typeof found !== 'function') {
            throw new WhispError('WebSocket is not defined: in Node, install the package ws and pass it ' +
                                 'to WhispClient as webSocketImpl.',
                                 { status: 0, code: 'NO_WEBSOCKET', retryable: false });
        }
        return found as WebSocketImpl;
    }

    async #get<T>(run: Run, path: string): Promise<T> {
        const { signal } = run.stop;
        return (await this.#parts.http.asUser<T>({ method: 'GET', path }, { signal })).body;
    }

    #headers(run: Run): Record<string, string> {
        const headers: Record<string, string> = this.#cursor ? { 'last-event-id': this.#cursor } : {};
        return run.options.presence ? { ...headers, presence: 'true' } : headers;
    }

    #opened(run: Run): void {
        const { emitter, environment } = this.#parts;
        const reconnected = run.wasOpen;
        environment.clearTimeout(run.timer);
        run.openSince = environment.now();
        run.wasOpen = true;
        run.ready.resolve();
        emitter.emit('connected', { reconnected });
    }

    #arrived(run: Run, id: string, event: ServerEvent): void {
        const { emitter, outbox } = this.#parts;
        switch (event.type) {
        case 'ERROR': {
            const error = outbox.refused(event);
            this.#move(id, false);
            if (error && !event.receipt) {
                emitter.emit('error', { error }); // with one, the action's rejection tells
            }
            return;
        }
        case 'RESUMED':
            this.#cursor = id;
            this.#resuming = false;
            outbox.attach((action, receipt) => run.link?.send(action, receipt));
            if (!run.isNew) {
                emitter.emit('resumed', event);
            }
            return;
        case 'RESYNC':
            emitter.emit('resync', event);
            return;
        }
        if (event.type === 'REPLY') {
            event.replyTo ??= deletedOriginal(event);
        }
        const answersAgain = outbox.stored(event);
        const { eventId } = event as Partial<StoredEvent>;
        if (eventId !== undefined && !this.#recent.add(eventId)) {
            return;
        }
        if (!answersAgain) {
            this.#move(id, eventId !== undefined);
        }
        const name = EVENT_NAMES[event.type] as typeof EVENT_NAMES[typeof event.type] | undefined;
        if (name) {
            emitter.emit(name, event as WhispEvents[typeof name] & typeof event);
        }
    }

    #move(id: string, stored: boolean): void {
        if (id && (stored || !this.#resuming)) {
            this.#cursor = id;
        }
    }

    #closed(run: Run, { code, reason: given, error }: Ending): Ended {
        const { outbox, environment } = this.#parts;
        const reason = code === RESTARTING ? 'the server is restarting' : given;
        const lasted = run.openSince === undefined ? undefined : environment.now() - run.openSince;
        run.openSince = run.link = undefined;
        if (lasted !== undefined) {
            run.ready = new Ready();
        }
        const refusal = lasted !== undefined && (error || SENT_WRONG.has(code))
            ? refusalOf(code, reason) : undefined;
        if (this.#run === run) {
            outbox.detach(refusal);
        }
        const retry = code !== NOT_ALLOWED;
        return {
            reason, retry, lasted,
            within: code === RESTARTING ? retryAfterOf(given) : undefined,
            error: refusal ?? error ?? new WhispError(`The connection was closed: ${reason}`, {
                status: retry ? 0 : 401, code: retry ? 'NETWORK_ERROR' : 'SESSION_CLOSED', retryable: retry,
            }),
        };
    }

    #finish(run: Run, { error, reason }: Ended): void {
        const { emitter, environment, outbox } = this.#parts;
        this.#run = undefined;
        environment.clearTimeout(run.timer);
        run.unwatch?.();
        run.openSince = undefined;
        run.stop.abort();
        run.wake?.();
        run.ready.reject(error);
        outbox.rejectAll(error);
        if (run.wasOpen) {
            emitter.emit('disconnected', { reason, willReconnect: false });
        }
        if (error.code !== 'DISCONNECTED') {
            emitter.emit('error', { error });
        }
    }

    #giveUp(run: Run): void {
        const link = run.link;
        const error = run.lastError ??
            new WhispError('The server did not answer in time.', { status: 0, code: 'TIMEOUT' });
        this.#finish(run, { error, reason: error.message, retry: false });
        link?.drop('given up');
    }

    #networkChanged(run: Run, online: boolean): void {
        if (online) {
            run.attempt = 0;
            run.wake?.();
        } else {
            run.link?.drop('offline');
        }
    }

    /** Ends early when the device comes online or the run ends. */
    #pause(run: Run, ms: number): Promise<void> {
        const { environment } = this.#parts;
        return new Promise((resolve) => {
            const timer = environment.setTimeout(() => run.wake?.(), ms);
            run.wake = () => {
                run.wake = undefined;
                environment.clearTimeout(timer);
                resolve();
            };
        });
    }
}
