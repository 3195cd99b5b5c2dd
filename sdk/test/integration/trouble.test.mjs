// What goes wrong in real life: tokens that expire, servers that restart, networks that go away.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { claimsOf, createApp, createKey, eventually, register, startServer } from '../../../test/contract/harness.mjs';
import { person, texts } from './people.mjs';

const LIMITS = ['--message-rate', 'off', '--request-rate', 'off', '--key-rate', 'off'];

let server, key, ann, bob, chatId;

before(async () => {
    server = await startServer({ args: [...LIMITS, '--drain-delay', '0s'] });
    key = await createKey(await createApp(await register(server)));
    [ann, bob] = [await person(server, key, 'ann'), await person(server, key, 'bob')];
    ({ chatId } = await ann.client.createChat('Lunch', ['ann', 'bob']));
});

after(async () => {
    [ann, bob].forEach((one) => one?.client.realtime.disconnect());
    await server?.stop();
});

/** A way to the server that a test can cut. */
async function network() {
    const sockets = new Set();
    let cut = false;
    const { port } = new URL(server.api);
    const proxy = createServer((socket) => {
        if (cut) {
            socket.destroy();
            return;
        }
        const far = connect(port, '127.0.0.1');
        for (const [one, other] of [[socket, far], [far, socket]]) {
            sockets.add(one);
            one.pipe(other);
            one.on('error', () => undefined);
            one.on('close', () => sockets.delete(one) && other.destroy());
        }
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    return {
        api: `http://127.0.0.1:${proxy.address().port}`,
        cut() {
            cut = true;
            sockets.forEach((socket) => socket.destroy());
        },
        mend: () => (cut = false),
        close: () => proxy.close(),
    };
}

const upTo = (n, prefix) => Array.from({ length: n }, (_, i) => `${prefix} ${i}`);
const messagesOf = (one, prefix) => one.of('message').map(({ message }) => message)
    .filter((text) => text.startsWith(prefix));

test('a JWT that expires in mid-session is renewed unseen', async () => {
    const brief = await startServer({ args: [...LIMITS, '--user-token-ttl', '1s'] });
    try {
        const short = await person(brief, await createKey(await createApp(await register(brief))), 'short');
        const first = short.client.getAuth().jwt;
        await eventually('the JWT has expired', () => Date.now() > claimsOf(first).claims.exp * 1000);
        await Promise.all(Array.from({ length: 5 }, () => short.client.getUser()));
        const second = short.client.getAuth().jwt;
        assert.notEqual(second, first);
        // By the clock a JWT from elsewhere may look good; the server knows better.
        await eventually('the second has expired, too', () => Date.now() > claimsOf(second).claims.exp * 1000);
        short.client.setAuth({ ...short.client.getAuth(), jwt: first });
        await short.client.getChats();
        assert.equal(short.client.realtime.connected, true, 'a session outlives its JWT');
        assert.deepEqual(short.of('error'), []);
        short.client.realtime.disconnect();
    } finally {
        await brief.stop();
    }
});

for (const [how, stop] of [['restarted', (s) => s.terminate()], ['killed', (s) => s.kill9()]]) {
    test(`a server ${how} under load: nothing is lost, doubled or out of order`, async () => {
        const wanted = upTo(300, how);
        const sending = wanted.map((text) => ann.client.realtime.sendMessage(chatId, text));
        await Promise.race(sending);
        await stop(server);
        const later = ann.client.realtime.sendMessage(chatId, `${how} last`);
        await server.start();
        const events = await Promise.all([...sending, later]);
        const all = [...wanted, `${how} last`];
        assert.deepEqual(events.map(({ message }) => message), all);
        await bob.saw('message', ({ message }) => message === `${how} last`);
        for (const one of [ann, bob]) {
            assert.deepEqual(messagesOf(one, how), all, one.username);
            assert.equal(new Set(one.of('message').map(({ eventId }) => eventId)).size, one.of('message').length);
        }
        assert.deepEqual((await texts(bob, chatId)).filter((text) => text.startsWith(how)), all);
    });
}

test('offline for a minute: 500 messages and more come on return, in order, once', async () => {
    const wire = await network();
    const eve = await person({ api: wire.api }, key, 'eve', {
        // The minute takes two seconds.
        environment: { setTimeout: (run, ms) => setTimeout(run, ms / 30) },
    });
    await ann.client.addUserToChat(chatId, 'eve');
    const joined = await eve.saw('userJoined');
    wire.cut();
    assert.equal((await eve.saw('disconnected')).willReconnect, true);
    assert.equal(eve.client.realtime.connected, false);
    const own = eve.client.realtime.sendMessage(chatId, 'missed, from eve');
    const wanted = upTo(500, 'missed');
    const sent = await Promise.all(wanted.map((text) => ann.client.realtime.sendMessage(chatId, text)));
    await ann.client.realtime.deleteMessage(chatId, sent[7].messageId);
    await ann.client.realtime.editMessage(chatId, sent[8].messageId, 'edited');
    await eve.saw('reconnecting', ({ attempt }) => attempt >= 3);
    wire.mend();
    assert.deepEqual(await eve.saw('resumed'), { type: 'RESUMED', complete: true });
    await own;
    const seen = eve.of('message').filter(({ seq }) => seq > joined.seq);
    assert.deepEqual(seen.map(({ message }) => message), [
        ...wanted.slice(0, 7), '', 'edited', ...wanted.slice(9), 'missed, from eve',
    ]);
    assert.equal(seen[7].deleted, true);
    assert.deepEqual(seen.slice(0, 500).map(({ messageId }) => messageId), sent.map(({ messageId }) => messageId));
    assert.deepEqual(eve.of('resync'), []);
    const last = await ann.client.realtime.sendMessage(chatId, 'welcome back');
    await eve.saw('message', ({ messageId }) => messageId === last.messageId);
    eve.client.realtime.disconnect();
    wire.close();
});

test('messages faster than the server allows all arrive, each once', async () => {
    const strict = await startServer({ args: ['--message-rate', '40/20'] });
    try {
        const strictKey = await createKey(await createApp(await register(strict)));
        const [one, two] = [await person(strict, strictKey, 'one'), await person(strict, strictKey, 'two')];
        const chat = await one.client.createChat('Fast', ['one', 'two']);
        const wanted = upTo(60, 'fast');
        const events = await Promise.all(wanted.map((text) => one.client.realtime.sendMessage(chat.chatId, text)));
        assert.deepEqual(events.map(({ message }) => message), wanted);
        await two.saw('message', () => true, wanted.length);
        assert.deepEqual(messagesOf(two, 'fast').sort(), [...wanted].sort());
        assert.deepEqual(one.of('error'), []);
        [one, two].forEach(({ client }) => client.realtime.disconnect());
    } finally {
        await strict.stop();
    }
});
