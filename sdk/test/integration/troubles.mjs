// What goes wrong in real life: tokens that expire, servers that restart, networks that go away,
// sign-ins that end elsewhere. Told of a device, which is a client in Node or in a browser's page;
// whoever else takes part is in Node.
//
//     OFFLINE_SECONDS=60   be offline for that long, with nothing made quicker: make soak

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { claimsOf, eventually, newKey, startServer } from '../../../test/contract/harness.mjs';
import { person, signIn, texts } from './people.mjs';

const LIMITS = ['--message-rate', 'off', '--request-rate', 'off', '--key-rate', 'off'];
const DRAIN = ['--drain-delay', '0s', '--drain-spread', '1s'];

const OFFLINE_SECONDS = Number(process.env.OFFLINE_SECONDS ?? 0);
/** A minute's timers run out in two seconds, unless it is a real one. */
const HURRY = OFFLINE_SECONDS ? 1 : 30;
/** Until heart-beats that stay away are noticed, until the next try, and something to spare. */
const PATIENCE_MS = 20_000 + OFFLINE_SECONDS * 1000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const upTo = (n, prefix) => Array.from({ length: n }, (_, i) => `${prefix} ${i}`);
const messagesOf = (one, prefix) => one.of('message').map(({ message }) => message)
    .filter((text) => text.startsWith(prefix));
const once = (events) => assert.equal(new Set(events.map(({ eventId }) => eventId)).size, events.length);

/**
 * Defines the tests. `open(server, key, username, { hurry, silent })` registers, signs in and
 * connects on a device, whose timers run `hurry` times faster, and whose network goes `silent` when
 * it is cut: a Witness with `ask(path, ...args)` for its client's calls and properties,
 * `post(chatId, texts)`, `cut()` and `mend()` for its network, and `leave()`.
 */
export function troubles(open) {
    let server, key, ann, bob, chatId;

    before(async () => {
        server = await startServer({ args: [...LIMITS, ...DRAIN] });
        key = await newKey(server);
        [ann, bob] = [await person(server, key, 'ann'), await open(server, key, 'bob')];
        ({ chatId } = await ann.client.createChat('Lunch', ['ann', 'bob']));
    });

    after(async () => {
        ann?.client.realtime.disconnect();
        await bob?.leave();
        await server?.stop();
    });

    test('a JWT that expires in mid-session is renewed unseen', async () => {
        const brief = await startServer({ args: [...LIMITS, '--user-token-ttl', '1s'] });
        try {
            const short = await open(brief, await newKey(brief), 'short');
            const first = await short.ask('getAuth');
            await eventually('the JWT has expired', () => Date.now() > claimsOf(first.jwt).claims.exp * 1000);
            assert.equal(await short.ask('realtime.connected'), true, 'a session outlives its JWT');
            await Promise.all(Array.from({ length: 5 }, () => short.ask('getUser')));
            const second = await short.ask('getAuth');
            assert.deepEqual({ ...second, jwt: first.jwt }, first);
            assert.notEqual(second.jwt, first.jwt);
            await short.cut();
            await short.saw('disconnected');
            await short.ask('setAuth', first);
            await short.mend();
            await short.saw('connected', ({ reconnected }) => reconnected);
            assert.notEqual((await short.ask('getAuth')).jwt, first.jwt, 'renewed to come back');
            await short.leave();
        } finally {
            await brief.stop();
        }
    });

    for (const [how, stop] of [['restarted', (s) => s.terminate()], ['killed', (s) => s.kill9()]]) {
        test(`a server ${how} under load: nothing is lost, doubled or out of order`, async () => {
            const wanted = { ann: upTo(300, `${how}, from ann`), bob: upTo(300, `${how}, from bob`) };
            const sending = wanted.ann.map((text) => ann.client.realtime.sendMessage(chatId, text));
            const posting = bob.post(chatId, wanted.bob);
            await Promise.race(sending);
            await stop(server);
            wanted.ann.push(`${how}, from ann last`);
            sending.push(ann.client.realtime.sendMessage(chatId, wanted.ann.at(-1)));
            await server.start();
            const events = [...await Promise.all(sending), ...await posting];
            assert.deepEqual(events.map(({ message }) => message), [...wanted.ann, ...wanted.bob]);
            for (const one of [ann, bob]) {
                await one.saw('message', ({ message }) => message.startsWith(how), events.length);
                for (const [from, all] of Object.entries(wanted)) {
                    assert.deepEqual(messagesOf(one, `${how}, from ${from}`), all, one.username);
                }
                once(one.of('message'));
            }
            const stored = await texts(ann, chatId);
            for (const [from, all] of Object.entries(wanted)) {
                assert.deepEqual(stored.filter((text) => text.startsWith(`${how}, from ${from}`)), all);
            }
        });
    }

    test('offline for a minute: 500 messages and more come on return, in order, once', async () => {
        const eve = await open(server, key, 'eve', { hurry: HURRY, silent: OFFLINE_SECONDS > 0 });
        await ann.client.addUserToChat(chatId, 'eve');
        const joined = await eve.saw('userJoined');
        await eve.cut();
        const minute = pause(OFFLINE_SECONDS * 1000);
        assert.equal((await eve.saw('disconnected', undefined, 1, PATIENCE_MS)).willReconnect, true);
        assert.equal(await eve.ask('realtime.connected'), false);
        const own = eve.post(chatId, ['missed, from eve']);
        const wanted = upTo(500, 'missed');
        const sent = await ann.post(chatId, wanted);
        await ann.client.realtime.deleteMessage(chatId, sent[7].messageId);
        await ann.client.realtime.editMessage(chatId, sent[8].messageId, 'edited');
        await eve.saw('reconnecting', ({ attempt }) => attempt >= (OFFLINE_SECONDS ? 1 : 3));
        await minute;
        await eve.mend();
        assert.deepEqual(await eve.saw('resumed', undefined, 1, PATIENCE_MS), { type: 'RESUMED', complete: true });
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
        once(eve.of('message'));
        await eve.leave();
    });

    test('logged out on another device: the connection ends for good, until the user signs in again', async () => {
        const phone = await open(server, key, 'max');
        const desk = await person(server, key, 'max', { known: true });
        await desk.client.logoutAll();
        assert.equal(desk.client.isAuthenticated, false);
        assert.equal((await phone.saw('disconnected')).willReconnect, false);
        assert.equal(await phone.ask('isAuthenticated'), false);
        assert.equal(await phone.ask('realtime.connected'), false);
        await assert.rejects(phone.ask('realtime.connect'), { name: 'WhispError', status: 401 });
        await assert.rejects(phone.ask('getChats'), { name: 'WhispError', status: 401 });
        assert.equal(phone.of('reconnecting').length, 0);
        await signIn(desk.client, 'max', { known: true });
        await phone.ask('setAuth', desk.client.getAuth());
        await phone.ask('realtime.connect');
        assert.equal((await phone.ask('getUser')).username, 'max');
        await phone.leave();
    });
}
