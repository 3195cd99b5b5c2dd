// The troubles, met in Node; and one more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newKey, startServer } from '../../../test/contract/harness.mjs';
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
