// The actions whose end is not known yet, in order. They outlive a connection: what it left
// unanswered is sent again on the next one, which the server's rules make harmless (a message has a
// clientMessageId; everything else is the same twice).
//
// An action is settled by its RECEIPT, or by an ERROR event; a message by its own event, which is
// what the caller gets. A server that is asked too much says so; then one action goes at a time, and
// the number in flight grows again by one with each such number that succeeds.
//
// The server may refuse one action for now and take the next, so two actions whose order matters are
// never in flight together: each chat is a lane of its own, and so are all reactions. Read marks only
// move forward and have no lane.
//
// A connection that the server ends for what was sent on it makes every action in flight a suspect.
// Suspects go alone, one after another, and the one that ends the next connection, too, is rejected.

import type { Environment } from './environment.js';
import { errorOfEvent, WhispError } from './errors.js';
import type { MessageEvent, MessageRepliedEvent, RefusedEvent, ServerEvent } from './events.js';
import { encodeUtf8 } from './stomp.js';

const MAX_WAITING = 1_000;
const MAX_IN_FLIGHT = 32;
const PAUSE_MS = 1_000;
/** The server ends a connection whose frame is larger than 128 KiB; its head is in here, too. */
const MAX_BYTES = 120 * 1024;

export interface Action {
    type: 'SEND_MSG' | 'EDIT_MSG' | 'DELETE_MSG' | 'REPLY' | 'TYPING' | 'REACT' | 'DELETE_REACT' | 'READ_MSG';
    [field: string]: string | undefined;
}

interface Pending {
    number: number;
    id: string;
    action: Action;
    /** Where it waits for the actions before it. */
    lane: string | undefined;
    /** It was sent on an earlier connection, too. */
    again: boolean;
    /** The server ended a connection while it was in flight, for what was sent. */
    suspect: boolean;
    resolve(result: unknown): void;
    reject(error: WhispError): void;
}

/** Of no use to anyone a moment later: it is neither kept nor sent again. */
const isEphemeral = ({ action }: Pending): boolean => action.type === 'TYPING';

const isMessage = ({ action }: Pending): boolean => action.type === 'SEND_MSG' || action.type === 'REPLY';

function laneOf({ type, chatId }: Action): string | undefined {
    switch (type) {
    case 'TYPING':
    case 'READ_MSG':
        return undefined;
    case 'REACT':
    case 'DELETE_REACT': // names no chat
        return 'reactions';
    default:
        return chatId?.toLowerCase();
    }
}

export class Outbox {
    #environment: Environment;
    #send: ((action: object, receipt: string) => void) | undefined;
    #waiting: Pending[] = [];
    #inFlight = new Map<string, Pending>();
    #window = MAX_IN_FLIGHT;
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
            const pending: Pending = {
                number, id, action, lane: laneOf(action), again: false, suspect: false, resolve, reject,
            };
            if (isMessage(pending)) {
                action.clientMessageId ??= id;
            }
            if (encodeUtf8(JSON.stringify(action)).length > MAX_BYTES) {
                reject(new WhispError(`An action has ${MAX_BYTES / 1024} KiB at most: shorten the message.`,
                                      { status: 413, code: 'PAYLOAD_TOO_LARGE' }));
            } else if (isEphemeral(pending) && !this.#send) {
                resolve(undefined);
            } else if (this.#waiting.length >= MAX_WAITING) {
                reject(new WhispError(`${MAX_WAITING} actions wait for a connection already.`,
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

    /**
     * It is gone, with what it has not answered. `refusal` says that the server ended it for what was
     * sent on it.
     */
    detach(refusal?: WhispError): void {
        this.#send = undefined;
        this.#environment.clearTimeout(this.#pause);
        this.#pause = undefined;
        this.#window = MAX_IN_FLIGHT;
        const unanswered = [...this.#inFlight.values()];
        this.#inFlight.clear();
        if (refusal && unanswered.length === 1 && unanswered[0]?.suspect) {
            unanswered.pop()?.reject(refusal);
        }
        for (const pending of unanswered) {
            pending.again = true;
            pending.suspect ||= refusal !== undefined;
        }
        const left = [...unanswered, ...this.#waiting].sort((a, b) => a.number - b.number);
        left.filter(isEphemeral).forEach((pending) => pending.resolve(undefined));
        this.#waiting = left.filter((pending) => !isEphemeral(pending));
    }

    /** A RECEIPT came. */
    confirmed(id: string): void {
        const pending = this.#inFlight.get(id);
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
            action.chatId?.toLowerCase() === event.chatId.toLowerCase();
        const pending = [...this.#inFlight.values()].find(is) ?? this.#waiting.find(is);
        if (pending) {
            this.#settle(pending);
            pending.resolve(event);
        }
        return pending?.again ?? false;
    }

    /** An ERROR event came. The error, unless the action is tried again. */
    refused(event: RefusedEvent): WhispError | undefined {
        const error = errorOfEvent(event);
        const pending = this.#inFlight.get(event.receipt ?? '');
        if (!pending) {
            return error;
        }
        if (error.retryable && error.status !== 500 && !isEphemeral(pending)) {
            this.#inFlight.delete(pending.id);
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
        if (!this.#inFlight.delete(pending.id)) {
            this.#waiting = this.#waiting.filter((other) => other !== pending);
        }
        this.#window = Math.min(MAX_IN_FLIGHT, this.#window + 1 / this.#window);
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
        const taken = new Set([...this.#inFlight.values()].map(({ lane }) => lane));
        for (const next of [...this.#waiting]) {
            const isFull = this.#inFlight.size >= this.#window;
            if (!this.#send || this.#pause !== undefined || isFull || !this.#mayJoin(next)) {
                return;
            }
            if (next.lane === undefined || !taken.has(next.lane)) {
                this.#waiting.splice(this.#waiting.indexOf(next), 1);
                this.#inFlight.set(next.id, next);
                this.#send(next.action, next.id);
            }
            taken.add(next.lane);
        }
    }

    /** A suspect is in flight alone, so that it is known whose fault the next end is. */
    #mayJoin(next: Pending): boolean {
        const [first] = this.#inFlight.values();
        return !first || !(next.suspect || first.suspect);
    }
}
