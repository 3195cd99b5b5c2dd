import type { Environment } from '../../src/environment.js';

/** Lets everything that is ready run: microtasks, and the fake server's answers. */
export async function settled(): Promise<void> {
    for (let i = 0; i < 10; i++) {
        await new Promise((done) => setImmediate(done));
    }
}

/** Time that passes when a test says so, and chance and network as it likes. */
export class Clock implements Omit<Environment, 'fetch'> {
    time = Date.UTC(2026, 0, 1);
    chance = 0.5;
    #timers = new Map<number, { at: number; run: () => void }>();
    #next = 1;
    #watchers = new Set<(online: boolean) => void>();

    now = (): number => this.time;
    random = (): number => this.chance;

    setTimeout = (run: () => void, ms: number): unknown => {
        this.#timers.set(this.#next, { at: this.time + ms, run });
        return this.#next++;
    };

    clearTimeout = (timer: unknown): void => void this.#timers.delete(timer as number);

    onNetwork = (changed: (online: boolean) => void): (() => void) => {
        this.#watchers.add(changed);
        return () => void this.#watchers.delete(changed);
    };

    network(online: boolean): void {
        this.#watchers.forEach((changed) => changed(online));
    }

    get timers(): number {
        return this.#timers.size;
    }

    /** Lets ms pass, timer by timer, each with what follows from it. */
    async pass(ms: number): Promise<void> {
        const end = this.time + ms;
        await settled();
        for (;;) {
            const due = [...this.#timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at)[0];
            if (!due) {
                break;
            }
            this.#timers.delete(due[0]);
            this.time = Math.max(this.time, due[1].at);
            due[1].run();
            await settled();
        }
        this.time = end;
    }
}
