// The troubles, met in Node; and one more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    createApp, createKey, expectStatus, manage, newKey, register, startServer,
} from '../../../test/contract/harness.mjs';
import { network } from './network.mjs';
import { Person, person, signIn } from './people.mjs';
import { troubles } from './troubles.mjs';

/** A user whose client is behind a network of its own. */
class Device extends Person {
    #wire;

    constructor(wire, key, username, environment) {
        super(wire, key, username, environment);
        this.#wire = wire;
    }

    cut() {
        this.#wire.cut();
    }

    mend() {
        this.#wire.mend();
    }

    leave() {
        this.client.realtime.disconnect();
        this.#wire.close();
    }
}

troubles(async (server, key, username, { hurry = 1, silent } = {}) => {
    const device = new Device(await network(server, { silent }), key, username,
                              { setTimeout: (run, ms) => setTimeout(run, ms / hurry) });
    await signIn(device.client, username);
    await device.client.realtime.connect();
    return device;
});

test('an app that is suspended and active again: its users come back, and nothing is lost', async () => {
    const server = await startServer();
    try {
        const account = await register(server);
        const app = await createApp(account);
        const put = async (status) => expectStatus(await manage(account, 'PUT', `/api/client/apps/${app.id}`, { status }), 200);
        const key = await createKey(app);
        const quick = { environment: { setTimeout: (run, ms) => setTimeout(run, ms / 30) } };
        const [ann, bob] = [await person(server, key, 'ann', quick), await person(server, key, 'bob', quick)];
        const { chatId } = await ann.client.createChat('Lunch', ['ann', 'bob']);
        await put('SUSPENDED');
        assert.equal((await ann.saw('disconnected')).willReconnect, true);
        const sent = ann.client.realtime.sendMessage(chatId, 'said meanwhile');
        await ann.saw('error', ({ error }) => error.code === 'APP_SUSPENDED', 2);
        assert.equal(ann.client.isAuthenticated, true);
        await put('ACTIVE');
        await sent;
        assert.equal((await bob.saw('message')).message, 'said meanwhile');
        assert.equal((await ann.saw('resumed')).complete, true);
        [ann, bob].forEach(({ client }) => client.realtime.disconnect());
    } finally {
        await server.stop();
    }
});

test('connect() says at once that there is no server, or that no more users may be connected', async () => {
    const server = await startServer({ args: ['--demo-users', '1'] });
    try {
        const key = await newKey(server);
        const first = await person(server, key, 'first');
        const second = new Person(server, key, 'second');
        await signIn(second.client, 'second');
        await assert.rejects(second.client.realtime.connect(), { status: 429, code: 'CONCURRENT_USER_LIMIT' });
        const third = second.client.realtime.connect({ retry: true });
        await second.saw('reconnecting');
        first.client.realtime.disconnect();
        await third;
        second.client.realtime.disconnect();
        await server.terminate();
        await assert.rejects(second.client.realtime.connect(), { status: 0, code: 'NETWORK_ERROR' });
        assert.equal(second.of('reconnecting').length > 0 && second.of('disconnected').every((one) => !one.willReconnect), true);
    } finally {
        await server.stop();
    }
});

test('messages faster than the server allows all arrive, each once', async () => {
    const strict = await startServer({ args: ['--message-rate', '40/20'] });
    try {
        const strictKey = await newKey(strict);
        const [one, two] = [await person(strict, strictKey, 'one'), await person(strict, strictKey, 'two')];
        const chat = await one.client.createChat('Fast', ['one', 'two']);
        const wanted = Array.from({ length: 60 }, (_, i) => `fast ${i}`);
        const events = await one.post(chat.chatId, wanted);
        assert.deepEqual(events.map(({ message }) => message), wanted);
        await two.saw('message', () => true, wanted.length);
        assert.deepEqual(two.of('message').map(({ message }) => message).sort(), [...wanted].sort());
        assert.deepEqual(one.of('error'), []);
        [one, two].forEach(({ client }) => client.realtime.disconnect());
    } finally {
        await strict.stop();
    }
});
