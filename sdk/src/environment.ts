/**
 * What the client needs of its surroundings. Tests put their own here; everyone else leaves it be.
 */
export interface Environment {
    fetch(url: string, init: RequestInit): Promise<Response>;
    /** Milliseconds since 1970. */
    now(): number;
    /** 0 <= n < 1 */
    random(): number;
    setTimeout(run: () => void, ms: number): unknown;
    clearTimeout(timer: unknown): void;
    /** Calls back when the device goes offline or comes online; returns the way to stop that. */
    onNetwork(changed: (online: boolean) => void): () => void;
}

function onNetwork(changed: (online: boolean) => void): () => void {
    // Node has no such events, and some browsers' workers have no such function.
    if (typeof globalThis.addEventListener !== 'function') {
        return () => undefined;
    }
    const online = (): void => changed(true);
    const offline = (): void => changed(false);
    globalThis.addEventListener('online', online);
    globalThis.addEventListener('offline', offline);
    return () => {
        globalThis.removeEventListener('online', online);
        globalThis.removeEventListener('offline', offline);
    };
}

/** The real one. Looked up at each call, so that what replaces `fetch` later is used. */
export const surroundings: Environment = {
    fetch: (url, init) => globalThis.fetch(url, init),
    now: () => Date.now(),
    random: () => Math.random(),
    setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer as ReturnType<typeof setTimeout>),
    onNetwork,
};
