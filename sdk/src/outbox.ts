// The actions whose end is not known yet, in order. They outlive a connection: what it left
// unanswered is sent again on the next one, which the server's rules make harmless (a message has a
// clientMessageId; everything else is the same twice).
//
// An action is settled by its RECEIPT, or by an ERROR event; a message by its own event, which is
// what the caller gets. A server that is asked too much says so; then one action goes at a time, and
// the number in flight grows again by one with each such number that succeeds.

import type { Environment } from './environment.js';
import { errorOfEvent, WhispError } from './errors.js';
import type { MessageEvent, MessageRepliedEvent, RefusedEvent, ServerEvent } from './events.js';
import { encodeUtf8 } from './stomp.js';

const MOST_WAITING = 1_000;
const MOST_IN_FLIGHT = 32;
const PAUSE_MS = 1_000;
/** The server ends a connection whose frame is larger than 128 KiB; its head is in here, too. */
const MOST_BYTES = 120 * 1024;

export interface Action {
    type: 'SEND_MSG' | 'EDIT_MSG' | 'DELETE_MSG' | 'REPLY' | 'TYPING' | 'REACT' | 'DELETE_REACT' | 'READ_MSG';
    [field: string]: string | undefined;
}

interface Pending {
    number: number;
    id: string;
    action: Action;
    /** It was sent on an earlier connection, too. */
    again: boolean;
    resolve(result: unknown): void;
    reject(error: WhispError): void;
}

/** Of no use to anyone a moment later: it is neither kept nor sent again. */
const isFleeting = ({ action }: Pending): boolean => action.type === 'TYPING';

const isMessage = ({ action }: Pending): boolean => action.type === 'SEND_MSG' || action.type === 'REPLY';

export class Outbox {
    #environment: Environment;
    #send: ((action: object, receipt: string) => void) | undefined;
    #waiting: Pending[] = [];
    #flying = new Map<string, Pending>();
    #window = MOST_IN_FLIGHT;
    #pause: unknown;
    #counter = 0;
    #prefix: string;

    constructor(environment: Environment) {
        this.#environment = environment;
        const part = (): string => Math.floor(environment.random() * 2 ** 48).toString(36);
        this.#prefix = `${environment.now().toString(36)}-${part()}${part()}`;
    }

    /** Resolves with the event of a message, with undefined for others. */
    add(action: Action): Promise<unknown> {
        return new Promise((resolve, reject) => {
            const number = ++this.#counter;
            const id = `${this.#prefix}-${number.toString(36)}`;
            const pending: Pending = { number, id, action, again: false, resolve, reject };
            if (isMessage(pending)) {
                action.clientMessageId ??= id;
            }
            if (encodeUtf8(JSON.stringify(action)).length > MOST_BYTES) {
                reject(new WhispError(`An action has ${MOST_BYTES / 1024} KiB at most: shorten the message.`,
                                      { status: 413, code: 'PAYLOAD_TOO_LARGE' }));
            } else if (isFleeting(pending) && !this.#send) {
                resolve(undefined);
            } else if (this.#waiting.length >= MOST_WAITING) {
                reject(new WhispError(`${MOST_WAITING} actions wait for a connection already.`,
                                      { status: 0, code: 'OUTBOX_FULL', retryable: true }));
            } else {
                this.#waiting.push(pending);
                this.#fill();
            }
        });
    }

    /** The connection takes actions from now on. */
    attach(send: (action: object, receipt: string) => void): void {
        this.#send = send;
        this.#fill();
    }

    /** It is gone, with what it has not answered. */
    detach(): void {
        this.#send = undefined;
        this.#environment.clearTimeout(this.#pause);
        this.#pause = undefined;
        this.#window = MOST_IN_FLIGHT;
        const left = [...this.#flying.values(), ...this.#waiting].sort((a, b) => a.number - b.number);
        left.filter((pending) => this.#flying.has(pending.id)).forEach((pending) => (pending.again = true));
        this.#flying.clear();
        left.filter(isFleeting).forEach((pending) => pending.resolve(undefined));
        this.#waiting = left.filter((pending) => !isFleeting(pending));
    }

    /** A RECEIPT came. */
    confirmed(id: string): void {
        const pending = this.#flying.get(id);
        if (pending && !isMessage(pending)) {
            this.#settle(pending);
            pending.resolve(undefined);
        }
    }

    /**
     * An event came; it may be that of a message here. True when it answers one that was sent a
     * second time: such an event may be older than those before it.
     */
    stored(event: ServerEvent): boolean {
        const wanted = (event as MessageEvent | MessageRepliedEvent).clientMessageId;
        if (wanted === undefined || (event.type !== 'SEND_MSG' && event.type !== 'REPLY')) {
            return false;
        }
        const is = ({ action }: Pending): boolean => action.clientMessageId === wanted &&
            action.chatId === event.chatId;
        const pending = [...this.#flying.values()].find(is) ?? this.#waiting.find(is);
        if (pending) {
            this.#settle(pending);
            pending.resolve(event);
        }
        return pending?.again ?? false;
    }

    /** An ERROR event came. The error, unless the action is tried again. */
    refused(event: RefusedEvent): WhispError | undefined {
        const error = errorOfEvent(event);
        const pending = this.#flying.get(event.receipt ?? '');
        if (!pending) {
            return error;
        }
        if (error.retryable && error.status !== 500 && !isFleeting(pending)) {
            this.#flying.delete(pending.id);
            const after = this.#waiting.findIndex(({ number }) => number > pending.number);
            this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, pending);
            this.#slowDown();
            return undefined;
        }
        this.#settle(pending);
        pending.reject(error);
        return error;
    }

    /** Nothing will be sent any more. */
    rejectAll(error: WhispError): void {
        this.detach();
        this.#waiting.splice(0).forEach((pending) => pending.reject(error));
    }

    #settle(pending: Pending): void {
        if (!this.#flying.delete(pending.id)) {
            this.#waiting = this.#waiting.filter((other) => other !== pending);
        }
        this.#window = Math.min(MOST_IN_FLIGHT, this.#window + 1 / this.#window);
        this.#fill();
    }

    #slowDown(): void {
        this.#window = 1;
        this.#pause ??= this.#environment.setTimeout(() => {
            this.#pause = undefined;
            this.#fill();
        }, PAUSE_MS * (1 + this.#environment.random()));
    }

    #fill(): void {
        while (this.#send && this.#pause === undefined && this.#flying.size < this.#window) {
            const next = this.#waiting.shift();
            if (!next) {
                return;
            }
            this.#flying.set(next.id, next);
            this.#send(next.action, next.id);
        }
    }
}
