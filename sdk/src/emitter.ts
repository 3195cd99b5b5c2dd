import type { WhispEventName, WhispEvents } from './events.js';

type Handler = (event: never) => void;

function reportError(error: unknown): void {
    console.error('whisp-sdk: a handler failed:', error);
}

/**
 * Calls a handler. What it throws, or rejects with if it is asynchronous, is reported on the console
 * and stops nothing: not the other handlers, not the connection, not the process.
 */
export function tell<T>(handler: (value: T) => unknown, value: T): void {
    try {
        const result = handler(value) as Partial<PromiseLike<unknown>> | null | undefined;
        if (typeof result?.then === 'function') {
            result.then(undefined, reportError);
        }
    } catch (error) {
        reportError(error);
    }
}

/** Handlers by the names of events. */
export class Emitter {
    #handlers = new Map<WhispEventName, Set<Handler>>();

    /** Returns the way to unsubscribe. A handler that is added twice is called once. */
    on<E extends WhispEventName>(name: E, handler: (event: WhispEvents[E]) => void): () => void {
        const handlers = this.#handlers.get(name) ?? new Set();
        this.#handlers.set(name, handlers.add(handler as Handler));
        return () => void handlers.delete(handler as Handler);
    }

    off<E extends WhispEventName>(name: E, handler: (event: WhispEvents[E]) => void): void {
        this.#handlers.get(name)?.delete(handler as Handler);
    }

    emit<E extends WhispEventName>(name: E, event: WhispEvents[E]): void {
        for (const handler of [...(this.#handlers.get(name) ?? [])]) {
            tell(handler as (event: WhispEvents[E]) => void, event);
        }
    }

    removeAll(name?: WhispEventName): void {
        if (name === undefined) {
            this.#handlers.clear();
        } else {
            this.#handlers.delete(name);
        }
    }
}
