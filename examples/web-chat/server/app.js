// The backend: the page, and the two calls that need the API key. Everything else the page asks the
// Whisp server itself, as its signed-in user.

import http from 'node:http';
import { createAccounts } from './accounts.js';
import { readJson } from './body.js';
import { HttpError } from './http_error.js';
import { isSameOrigin } from './origin.js';
import { createStatic } from './static.js';

/** An HTTP server, not listening yet. `page` is the folder of the built page. */
export function createApp({ whispUrl, apiKey }, page) {
    const accounts = createAccounts(whispUrl, apiKey);
    const servePage = createStatic(page, policy(whispUrl));
    const calls = {
        'GET /config': () => ({ whispUrl }),
        'POST /register': async (request) => accounts.register(await readJson(request)),
        'POST /sign-in': async (request) => accounts.signIn(await readJson(request)),
    };

    return http.createServer({ requestTimeout: 10_000 }, async (request, response) => {
        const path = request.url.split('?')[0];
        const call = calls[`${request.method} ${path}`];
        try {
            if (call) {
                if (!isSameOrigin(request)) {
                    throw new HttpError(403, 'Only this site\'s own page may ask for this.');
                }
                send(response, 200, await call(request));
            } else {
                await servePage(request, response, path);
            }
        } catch (error) {
            if (!(error instanceof HttpError)) {
                console.error(error);
            }
            const { status, message } = error instanceof HttpError ? error
                : new HttpError(500, 'Something went wrong here. Try again in a moment.');
            // What is left of a body that was refused is not waited for.
            send(response, status, { message }, request.complete ? {} : { connection: 'close' });
        }
    });
}

function send(response, status, body, headers = {}) {
    response.writeHead(status, {
        'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers,
    });
    response.end(JSON.stringify(body));
}

/** The page runs its own scripts only, and speaks to this backend and to the Whisp server. */
function policy(whispUrl) {
    const { origin } = new URL(whispUrl);
    return `default-src 'self'; connect-src 'self' ${origin} ${origin.replace(/^http/, 'ws')}; ` +
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
}
