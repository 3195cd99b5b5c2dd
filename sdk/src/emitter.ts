import type { WhispEventName, WhispEvents } from './events.js';

type Handler = (event: never) => void;

/**
 * Calls a handler. One that throws disturbs no other one and nothing here: what it threw surfaces as
 * an uncaught exception, as it does with the platform's own event targets.
 */
export function tell<T>(handler: (value: T) => void, value: T): void {
    try {
        handler(value);
    } catch (error) {
        queueMicrotask(() => {
            throw error;
        });
    }
}

/** Handlers by the names of events. */
export class Emitter {
    #handlers = new Map<WhispEventName, Set<{ run: Handler }>>();

    /** Returns the way to unsubscribe. The same function twice is called twice. */
    on<E extends WhispEventName>(name: E, handler: (event: WhispEvents[E]) => void): () => void {
        const entry = { run: handler as Handler };
        const entries = this.#handlers.get(name) ?? new Set();
        this.#handlers.set(name, entries.add(entry));
        return () => void entries.delete(entry);
    }

    emit<E extends WhispEventName>(name: E, event: WhispEvents[E]): void {
        for (const { run } of [...(this.#handlers.get(name) ?? [])]) {
            tell(run as (event: WhispEvents[E]) => void, event);
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
