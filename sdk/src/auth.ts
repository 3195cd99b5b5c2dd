// Who is signed in, and the renewal of the JWT: one at a time, whoever asks for it.

import { tell } from './emitter.js';
import type { Environment } from './environment.js';
import { WhispError } from './errors.js';
import type { Transport } from './transport.js';
import type { AuthState } from './types.js';

/** A JWT with less than this left, or a tenth of its life if that is less, is renewed before use. */
const MARGIN_MS = 60_000;

/** In milliseconds; `ends` since 1970. */
interface Life {
    ends: number;
    lasts: number;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** One character for each byte, as `atob` gives them, which not every React Native has. */
function decodeBase64Url(text: string): string {
    let bytes = '';
    let held = 0;
    let bits = 0;
    for (const digit of text.replace(/=+$/, '')) {
        held = ((held << 6) | DIGITS.indexOf(digit)) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += String.fromCharCode((held >> bits) & 0xff);
        }
    }
    return bytes;
}

function lifeOf(jwt: string): Life | undefined {
    try {
        const { exp, iat } = JSON.parse(decodeBase64Url(jwt.split('.')[1] ?? '')) as { exp?: unknown; iat?: unknown };
        if (typeof exp === 'number' && typeof iat === 'number') {
            return { ends: exp * 1000, lasts: (exp - iat) * 1000 };
        }
    } catch {
        // Not one that can be read: a 401 will tell when it is over.
    }
    return undefined;
}

/** The token of an Authorization header, which has the word Bearer or has not. */
export function bearer(headers: Headers): string {
    const token = (headers.get('authorization') ?? '').replace(/^Bearer\s+/i, '').trim();
    if (!token) {
        throw new WhispError('The answer has no Authorization header. In a browser, the server must ' +
                             'expose it by CORS.', { status: 0, code: 'BAD_ANSWER' });
    }
    return token;
}

function endedMeanwhile(): WhispError {
    return new WhispError('The sign-in that this call was made with has ended meanwhile.',
                          { status: 401, code: 'SIGNED_OUT' });
}

export class Auth {
    #state: AuthState | null = null;
    #life: Life | undefined;
    #renewal: Promise<string> | undefined;
    #transport: Transport;
    #environment: Environment;
    #watchers = new Set<{ run: (state: AuthState | null) => void }>();

    constructor(transport: Transport, environment: Environment) {
        this.#transport = transport;
        this.#environment = environment;
    }

    get state(): AuthState | null {
        return this.#state;
    }

    /** A sign-in from elsewhere, of unknown age; null forgets. */
    set(state: AuthState | null): void {
        this.#put(state, lifeOf(state?.jwt ?? ''));
    }

    /** A JWT that the server has just made: when it ends does not depend on this clock's time. */
    setFresh(state: AuthState): void {
        const life = lifeOf(state.jwt);
        this.#put(state, life && { ...life, ends: this.#environment.now() + life.lasts });
    }

    /** Returns the way to unsubscribe. */
    watch(run: (state: AuthState | null) => void): () => void {
        const entry = { run };
        this.#watchers.add(entry);
        return () => void this.#watchers.delete(entry);
    }

    #put(state: AuthState | null, life: Life | undefined): void {
        const isSame = state?.jwt === this.#state?.jwt && state?.userId === this.#state?.userId &&
            state?.refreshToken === this.#state?.refreshToken;
        this.#state = state;
        this.#renewal = undefined;
        this.#life = life;
        for (const { run } of isSame ? [] : [...this.#watchers]) {
            tell(run, state && { ...state });
        }
    }

    /**
     * The JWT to use now, renewed if it is about to expire. Rejects with a 401 when nobody is
     * signed in or the renewal is refused.
     */
    async jwt(): Promise<string> {
        const { jwt } = this.#required();
        const life = this.#life;
        if (!life || life.ends - this.#environment.now() >= Math.min(MARGIN_MS, life.lasts / 10)) {
            return jwt;
        }
        const { state } = this;
        try {
            return await this.renew(jwt);
        } catch (error) {
            if (error instanceof WhispError && error.retryable && this.#isStill(state)) {
                return jwt; // it may still be good
            }
            throw error;
        }
    }

    /**
     * A JWT other than the one that was used, of the same sign-in: when that has ended meanwhile, or
     * another has taken its place, it rejects with a 401. Refused by a 401 (or a 400: no token of
     * ours), the sign-in is over and forgotten, and the error is a 401. Any other failure changes
     * nothing.
     */
    renew(used: string, signIn = this.#state): Promise<string> {
        const state = this.#state;
        if (!this.#isStill(signIn)) {
            return Promise.reject(endedMeanwhile());
        }
        if (state && state.jwt !== used) {
            return Promise.resolve(state.jwt);
        }
        if (!this.#renewal) {
            const renewal = this.#renew().finally(() => {
                if (this.#renewal === renewal) {
                    this.#renewal = undefined;
                }
            });
            this.#renewal = renewal;
        }
        return this.#renewal;
    }

    async #renew(): Promise<string> {
        const before = this.#required();
        try {
            const answer = await this.#transport.send(
                { method: 'POST', path: '/api/auth/refresh', body: { expiredJwt: before.jwt } },
                { Authorization: `Bearer ${before.refreshToken}` });
            const jwt = bearer(answer.headers);
            if (!this.#isStill(before)) {
                throw endedMeanwhile();
            }
            if (this.#state === before) { // else changeUsername() has brought another JWT meanwhile
                this.setFresh({ ...before, jwt });
            }
            return jwt;
        } catch (error) {
            if (!(error instanceof WhispError) || (error.status !== 401 && error.status !== 400)) {
                throw error;
            }
            if (this.#state === before) {
                this.set(null);
            }
            throw new WhispError(error.message, { ...error, status: 401, cause: error });
        }
    }

    /** Nobody has signed out or in since. */
    #isStill(signIn: AuthState | null): boolean {
        return this.#state?.refreshToken === signIn?.refreshToken;
    }

    #required(): AuthState {
        if (!this.#state) {
            throw new WhispError('Nobody is signed in: call setAuth() or signIn() first.',
                                 { status: 401, code: 'AUTH_MISSING_TOKEN' });
        }
        return this.#state;
    }
}
