// Users of a real server, each with a client of whisp-sdk as it is shipped.

import { WhispClient } from 'whisp-sdk';
import WebSocket from 'ws';
import { PASSWORD, within } from '../../../test/contract/harness.mjs';

const WAIT = 20_000;

export const EVENTS = [
    'message', 'messageEdited', 'messageDeleted', 'reply', 'typing', 'reaction', 'reactionDeleted', 'messageRead',
    'userJoined', 'userLeft', 'chatCreated', 'chatDeleted', 'chatRenamed', 'presence', 'resync', 'resumed',
    'connected', 'disconnected', 'reconnecting', 'error',
];

/** What a client was told, wherever it runs: `events`, each as {name, event}. */
export class Witness {
    events = [];
    #looking = new Set();

    constructor(username) {
        this.username = username;
    }

    happened(name, event) {
        this.events.push({ name, event });
        this.#looking.forEach((look) => look());
    }

    of(name) {
        return this.events.filter((one) => one.name === name).map(({ event }) => event);
    }

    /** Resolves when so many of these events that match have come, with the last of them. */
    async saw(name, matches = () => true, count = 1, wait = WAIT) {
        let look;
        const found = new Promise((done) => {
            look = () => {
                const events = this.of(name).filter(matches);
                if (events.length >= count) {
                    done(events.at(-1));
                }
            };
            this.#looking.add(look);
            look();
        });
        const what = () => `${this.username} did not see ${count} ${name}; last were ` +
            JSON.stringify(this.events.slice(-5));
        return within(wait, what, found).finally(() => this.#looking.delete(look));
    }
}

/**
 * What a client has at a path like `realtime.connected`, or answers when that is called. It is sent
 * to pages as text, too, so it refers to nothing but its arguments.
 */
export async function ask(client, path, args) {
    const names = path.split('.');
    const last = names.pop();
    const target = names.reduce((object, name) => object[name], client);
    return typeof target[last] === 'function' ? target[last](...args) : target[last];
}

/** Sends them all at once; resolves with their events. Sent to pages as text, too. */
export async function post(client, chatId, texts) {
    return Promise.all(texts.map((text) => client.realtime.sendMessage(chatId, text)));
}

/** A user with a client in this process. */
export class Person extends Witness {
    constructor(server, key, username, environment) {
        super(username);
        this.client = new WhispClient({ baseUrl: server.api, apiKey: key.token, webSocketImpl: WebSocket }, environment);
        EVENTS.forEach((name) => this.client.realtime.on(name, (event) => this.happened(name, event)));
    }

    ask(path, ...args) {
        return ask(this.client, path, args);
    }

    post(chatId, texts) {
        return post(this.client, chatId, texts);
    }
}

/** What a backend does: registers the user, unless it is known, and signs it in. */
export async function signIn(client, username, { known = false } = {}) {
    if (!known) {
        await client.registerUser({ username, email: `${username}@example.com`, password: PASSWORD });
    }
    return client.signIn({ username, password: PASSWORD });
}

/** Registers, signs in and connects; the same user again is one more device. */
export async function person(server, key, username, { environment, known } = {}) {
    const one = new Person(server, key, username, environment);
    await signIn(one.client, username, { known });
    await one.client.realtime.connect();
    return one;
}

/** The same, done by a backend of its own: what it forwards to a browser. */
export function backendSignIn(server, key, username, options) {
    return signIn(new WhispClient({ baseUrl: server.api, apiKey: key.token }), username, options);
}

/** Every text of a chat's history, oldest first. */
export async function texts(one, chatId) {
    const all = [];
    for await (const { content } of one.client.allMessages(chatId)) {
        all.unshift(content);
    }
    return all;
}
