import type { WhispEventName, WhispEvents } from './events.js';

type Handler = (event: never) => void;

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

    /**
     * A handler that throws disturbs no other one and nothing here: what it threw surfaces as an
     * uncaught exception, as it does with the platform's own event targets.
     */
    emit<E extends WhispEventName>(name: E, event: WhispEvents[E]): void {
        for (const { run } of [...(this.#handlers.get(name) ?? [])]) {
            try {
                (run as (event: WhispEvents[E]) => void)(event);
            } catch (error) {
                queueMicrotask(() => {
                    throw error;
                });
            }
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
