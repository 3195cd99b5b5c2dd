// whisp-sdk in a page of another origin than the server's: the troubles, as a user of a product's
// page meets them. The page never sees the API key.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { ask, backendSignIn, EVENTS, post, Witness } from '../../sdk/test/integration/people.mjs';
import { troubles } from '../../sdk/test/integration/troubles.mjs';
import { startBrowser } from './browser.mjs';

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser?.stop());

/** What runs in the page first; as text, so it refers to its argument and the page only. */
function start({ baseUrl, auth, events, hurry }) {
    const whisp = new Whisp.WhispClient({ baseUrl }, { setTimeout: (run, ms) => setTimeout(run, ms / hurry) });
    events.forEach((name) => whisp.realtime.on(name, (event) => window.happened(name, event)));
    whisp.setAuth(auth);
    window.whisp = whisp;
    return whisp.realtime.connect();
}

/** A user whose client is in a page. */
class Device extends Witness {
    #page;
    #wrong = [];

    constructor(page, username) {
        super(username);
        this.#page = page;
        page.on('pageerror', (error) => this.#wrong.push(error.message));
    }

    async start(options) {
        await this.#page.exposeFunction('happened', (name, event) => this.happened(name, event));
        await this.#page.goto(`${browser.origin}/sdk.html`);
        await this.#page.evaluate(start, { ...options, events: EVENTS });
        return this;
    }

    ask(path, ...args) {
        return this.#call(ask, path, args);
    }

    post(chatId, texts) {
        return this.#call(post, chatId, texts);
    }

    cut() {
        return this.#page.context().setOffline(true);
    }

    mend() {
        return this.#page.context().setOffline(false);
    }

    async leave() {
        await this.#page.context().close();
        assert.deepEqual(this.#wrong, []);
    }

    /** Runs the function there; what it rejects with comes here with its fields. */
    async #call(run, ...args) {
        const { result, error } = await this.#page.evaluate(
            `(${run})(window.whisp, ...${JSON.stringify(args)}).then((result) => ({ result }),
                ({ name, message, status, code }) => ({ error: { name, message, status, code } }))`);
        if (error) {
            throw Object.assign(new Error(error.message), error);
        }
        return result;
    }
}

troubles(async (server, key, username, { hurry = 1 } = {}) => {
    const { jwt, refreshToken, userId } = await backendSignIn(server, key, username);
    return new Device(await browser.blank(), username)
        .start({ baseUrl: server.api, auth: { jwt, refreshToken, userId }, hurry });
});
