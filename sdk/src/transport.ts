// One HTTP exchange: time-out, abort, and every failure as a WhispError. Knows nothing of tokens.

import type { Environment } from './environment.js';
import { errorOfAnswer, WhispError } from './errors.js';
import type { RequestOptions } from './types.js';

export interface Call {
    method: 'GET' | 'POST' | 'DELETE';
    /** From the base URL on, its variable parts encoded. */
    path: string;
    /** What is undefined is left out. */
    query?: Record<string, string | number | boolean | undefined>;
    body?: object;
}

export interface Answer<T> {
    body: T;
    headers: Headers;
}

/** Why it was aborted. React Native and older browsers know no reasons. */
function reasonOf(signal: AbortSignal): unknown {
    return signal.reason ?? Object.assign(new Error('The call was aborted.'), { name: 'AbortError' });
}

/** The promise's end, or the signal's, whichever comes first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (!signal) {
        return promise;
    }
    return new Promise((resolve, reject) => {
        const aborted = (): void => reject(reasonOf(signal));
        promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
        if (signal.aborted) {
            aborted();
        } else {
            signal.addEventListener('abort', aborted);
        }
    });
}

function parsed(text: string, type: string | null): unknown {
    if (text === '' || !/\bjson\b/.test(type ?? '')) {
        return text === '' ? null : text;
    }
    try {
        return JSON.parse(text);
    } catch {
        return text; // a proxy's page that calls itself JSON
    }
}

export class Transport {
    #base: string;
    #timeout: number;
    #environment: Environment;

    constructor(base: string, timeout: number, environment: Environment) {
        this.#base = base;
        this.#timeout = timeout;
        this.#environment = environment;
    }

    /**
     * Resolves with the answer of a 2xx. Rejects with WhispError: the server's error, or status 0
     * and `NETWORK_ERROR` or `TIMEOUT`; or with the reason of the signal.
     */
    async send<T>(call: Call, headers: Record<string, string>, options: RequestOptions = {}): Promise<Answer<T>> {
        const { signal, timeout = this.#timeout } = options;
        const stop = new AbortController();
        const aborted = (): void => stop.abort();
        let late = false;
        const timer = this.#environment.setTimeout(() => {
            late = true;
            stop.abort();
        }, timeout);
        signal?.addEventListener('abort', aborted);
        try {
            if (signal?.aborted) {
                throw reasonOf(signal);
            }
            return await abortable(this.#exchange<T>(call, headers, stop.signal), stop.signal);
        } catch (error) {
            if (signal?.aborted) {
                throw reasonOf(signal);
            }
            if (late) {
                throw new WhispError(`No answer within ${timeout} ms.`, { status: 0, code: 'TIMEOUT' });
            }
            if (error instanceof WhispError) {
                throw error;
            }
            throw new WhispError('The server could not be reached.',
                                 { status: 0, code: 'NETWORK_ERROR', cause: error });
        } finally {
            this.#environment.clearTimeout(timer);
            signal?.removeEventListener('abort', aborted);
        }
    }

    async #exchange<T>(call: Call, headers: Record<string, string>, signal: AbortSignal): Promise<Answer<T>> {
        const query = Object.entries(call.query ?? {}) // by hand: React Native's URLSearchParams cannot set()
            .flatMap(([name, value]) => (value === undefined ? [] : `${name}=${encodeURIComponent(value)}`));
        const url = this.#base + call.path;
        const response = await this.#environment.fetch(query.length > 0 ? `${url}?${query.join('&')}` : url, {
            method: call.method,
            headers: call.body ? { 'Content-Type': 'application/json', ...headers } : headers,
            body: call.body && JSON.stringify(call.body),
            signal,
        });
        const body = parsed(await response.text(), response.headers.get('content-type'));
        if (!response.ok) {
            throw errorOfAnswer(response.status, body, response.headers.get('retry-after'));
        }
        if (/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) {
            throw new WhispError(`${url} answers with a web page: baseUrl is ` +
                                 'not the Whisp server\'s, or a proxy before it answers instead.',
                                 { status: 0, code: 'BAD_ANSWER', body, retryable: false });
        }
        return { body: body as T, headers: response.headers };
    }
}
