// Users of a real server, each with a client of whisp-sdk as it is shipped.

import { WhispClient } from 'whisp-sdk';
import WebSocket from 'ws';
import { PASSWORD, within } from '../../../test/contract/harness.mjs';

const WAIT = 20_000;

/** A client that has signed this user in; `events` has what came, each as {name, event}. */
export class Person {
    events = [];
    #looking = new Set();

    constructor(server, key, username, environment) {
        this.username = username;
        this.client = new WhispClient({ baseUrl: server.api, apiKey: key.token, webSocketImpl: WebSocket }, environment);
        for (const name of ['message', 'messageEdited', 'messageDeleted', 'reply', 'typing', 'reaction',
                            'reactionDeleted', 'messageRead', 'userJoined', 'userLeft', 'chatCreated',
                            'chatDeleted', 'chatRenamed', 'presence', 'resync', 'resumed', 'connected',
                            'disconnected', 'reconnecting', 'error']) {
            this.client.realtime.on(name, (event) => {
                this.events.push({ name, event });
                this.#looking.forEach((look) => look());
            });
        }
    }

    of(name) {
        return this.events.filter((one) => one.name === name).map(({ event }) => event);
    }

    /** Resolves when so many of these events that match have come, with the last of them. */
    async saw(name, matches = () => true, count = 1) {
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
        return within(WAIT, what, found).finally(() => this.#looking.delete(look));
    }
}

/** Registers, signs in and connects; the same user again is one more device. */
export async function person(server, key, username, { environment, known = false } = {}) {
    const one = new Person(server, key, username, environment);
    if (!known) {
        await one.client.registerUser({ username, email: `${username}@example.com`, password: PASSWORD });
    }
    await one.client.signIn({ username, password: PASSWORD });
    await one.client.realtime.connect();
    return one;
}

/** Every text of a chat's history, oldest first. */
export async function texts(one, chatId) {
    const all = [];
    for await (const { content } of one.client.allMessages(chatId)) {
        all.unshift(content);
    }
    return all;
}
