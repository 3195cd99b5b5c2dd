// When to come back. Full jitter: a random part of a window that doubles, so that the clients of a
// server that was away do not return as one.

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** `attempt` counts from 0; `within` (ms) is the window that the server named. */
export function reconnectDelay(attempt: number, random: () => number, within?: number): number {
    const window = within ?? Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
    return Math.round(random() * window);
}

/** The milliseconds in the reason of close 1012, `retry-after=<seconds>`. */
export function retryAfterOf(reason: string): number | undefined {
    const seconds = /\bretry-after=(\d{1,6})\b/.exec(reason)?.[1];
    return seconds === undefined ? undefined : Number(seconds) * 1000;
}
