// Signing up and in, with the API key. What goes back to the browser is the user's own sign-in.

import { WhispClient, WhispError } from 'whisp-sdk';
import { HttpError } from './http_error.js';

export function createAccounts(baseUrl, apiKey) {
    // A client holds one sign-in, so each request has one of its own.
    const client = () => new WhispClient({ baseUrl, apiKey, timeout: 8_000 });

    async function signIn({ username, password }) {
        const { jwt, refreshToken, userId } = await asked(client().signIn({ username, password }), {
            401: 'That username and password do not fit together.',
        });
        return { jwt, refreshToken, userId };
    }

    async function register({ username, email, password }) {
        await asked(client().registerUser({ username, email, password }));
        return signIn({ username, password });
    }

    return { register, signIn };
}

/** What the Whisp server refuses the user may know; what is wrong between it and us is for the log. */
async function asked(call, sentences = {}) {
    try {
        return await call;
    } catch (error) {
        if (!(error instanceof WhispError)) {
            throw error;
        }
        if (/API_KEY|APP_SUSPENDED/.test(error.code ?? '')) {
            console.error(`web-chat: the Whisp server refuses WHISP_API_KEY: ${error.message}`);
            throw new HttpError(502, 'This chat is not set up right: its server refuses its key.');
        }
        if (error.status === 0 || error.status >= 500) {
            console.error(`web-chat: ${error.message} (WHISP_URL)`);
            throw new HttpError(502, 'The chat server does not answer. Try again in a moment.');
        }
        throw new HttpError(error.status, sentences[error.status] ?? error.message);
    }
}
