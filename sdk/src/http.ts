// REST calls with the credentials they need.

import type { Auth } from './auth.js';
import { WhispError } from './errors.js';
import { abortable, type Answer, type Call, type Transport } from './transport.js';
import type { RequestOptions } from './types.js';

export class Http {
    #transport: Transport;
    #auth: Auth;
    #apiKey: string | undefined;

    constructor(transport: Transport, auth: Auth, apiKey: string | undefined) {
        this.#transport = transport;
        this.#auth = auth;
        this.#apiKey = apiKey;
    }

    /** As the signed-in user. A 401 is tried once more with a renewed JWT of the same sign-in. */
    async asUser<T>(call: Call, options: RequestOptions = {}): Promise<Answer<T>> {
        const send = (jwt: string): Promise<Answer<T>> =>
            this.#transport.send<T>(call, { Authorization: `Bearer ${jwt}` }, options);
        const { state } = this.#auth;
        const jwt = await abortable(this.#auth.jwt(), options.signal);
        try {
            return await send(jwt);
        } catch (error) {
            if (!(error instanceof WhispError) || error.status !== 401) {
                throw error;
            }
        }
        return send(await abortable(this.#auth.renew(jwt, state), options.signal));
    }

    /** As the app, on a backend. Rejects at once when the client has no API key. */
    async asApp<T>(call: Call, options: RequestOptions = {}): Promise<Answer<T>> {
        if (!this.#apiKey) {
            throw new WhispError('API key is required for this endpoint',
                                 { status: 0, code: 'AUTH_API_KEY_REQUIRED', retryable: false });
        }
        return this.#transport.send<T>(call, { 'x-api-key': this.#apiKey }, options);
    }
}
