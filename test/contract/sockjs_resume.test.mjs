// Coming back by last-event-id over SockJS: what was missed, then what came meanwhile, each once and
// in order, whatever the transport and whichever loop its requests come to.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createChat, createTenant, startServer } from './harness.mjs';
import { connect } from './realtime.mjs';
import { openReceiver, RECEIVERS } from './sockjs_receiver.mjs';

const MISSED = 700, LIVE = 300, AT_ONCE = 50;

let server;
const start = (...more) => startServer({
    args: ['--request-rate', 'off', '--message-rate', 'off', '--threads', '2', ...more] });
before(async () => { server = await start(); });
after(() => server?.stop());

/** Ann is connected; Bob has seen one message, whose id is the cursor, and gone. */
async function scene(on = server) {
    const { users: [ann, bob] } = await createTenant(on, 'ann', 'bob');
    const { chatId } = await createChat(ann, bob);
    const [at, away] = await Promise.all([connect(on, ann), connect(on, bob)]);
    await at.post(chatId, 'seen');
    const seen = await away.next({ message: 'seen' });
    const cursor = away.frames.find(({ event }) => event === seen).headers['message-id'];
    await away.drop();
    return { ann, bob, chatId, at, cursor };
}

/** Messages `from` to `to`, in order, so many at once. */
async function say({ at, chatId }, from, to, filler = '') {
    for (let i = from; i < to; i += AT_ONCE) {
        await Promise.all(Array.from({ length: Math.min(AT_ONCE, to - i) }, (_, k) =>
            at.send({ type: 'SEND_MSG', chatId, message: `${i + k} ${filler}` })));
        at.forget();
    }
}

const numbers = (events) => events.filter(({ type }) => type === 'SEND_MSG')
    .map(({ message }) => Number.parseInt(message, 10));
const range = (to) => Array.from({ length: to }, (_, i) => i);
const resumed = (receiver) => receiver.events.find(({ type }) => type === 'RESUMED');

for (const transport of RECEIVERS) {
    describe(transport, () => {
        test(`${MISSED} missed, ${LIVE} live meanwhile, three devices`, async () => {
            const world = await scene();
            await say(world, 0, MISSED, 'x'.repeat(400));
            const saying = say(world, MISSED, MISSED + LIVE);
            const receivers = await Promise.all(Array.from({ length: 3 }, async () => {
                const receiver = await openReceiver(server, world.bob, transport);
                await receiver.subscribe({ 'last-event-id': world.cursor });
                return receiver;
            }));
            await saying;
            for (const receiver of receivers) {
                const all = () => numbers(receiver.events).includes(MISSED + LIVE - 1);
                await receiver.until(() => all() && resumed(receiver), 'the last message');
                assert.deepEqual(numbers(receiver.events), range(MISSED + LIVE));
                const at = receiver.events.indexOf(resumed(receiver));
                assert.equal(resumed(receiver).complete, true);
                assert.ok(numbers(receiver.events.slice(0, at)).length >= MISSED, `RESUMED at ${at}`);
                assert.deepEqual(receiver.events.filter(({ type }) => type === 'RESYNC'), []);
            }
            await say(world, MISSED + LIVE, MISSED + LIVE + 1);
            await Promise.all(receivers.map(async (receiver) => {
                await receiver.until(() => numbers(receiver.events).at(-1) === MISSED + LIVE, 'one more');
                await receiver.close();
            }));
            await world.at.drop();
        });

        test('from where the last session ended, over and over', async () => {
            const world = await scene();
            let { cursor } = world;
            const got = [];
            const saying = say(world, 0, MISSED);
            while (got.length < MISSED) {
                const receiver = await openReceiver(server, world.bob, transport);
                await receiver.subscribe({ 'last-event-id': cursor });
                const enough = () => resumed(receiver) || numbers(receiver.events).length > 100;
                await receiver.until(enough, 'RESUMED');
                await receiver.close();
                got.push(...numbers(receiver.events));
                cursor = receiver.headers.at(-1)['message-id'];
            }
            await saying;
            assert.deepEqual(got, range(MISSED));
            await world.at.drop();
        });
    });
}

describe('a poller that is away', () => {
    for (const transport of ['xhr', 'jsonp']) {
        test(`${transport}: resumes where it was left, by and by`, async () => {
            const small = await start('--session-output', '64k');
            try {
                const world = await scene(small);
                await say(world, 0, MISSED, 'x'.repeat(400)); // far more than may be queued
                const receiver = await openReceiver(small, world.bob, transport);
                await receiver.subscribe({ 'last-event-id': world.cursor });
                for (let n = 0; numbers(receiver.events).length < MISSED; n = receiver.events.length) {
                    await receiver.until(() => receiver.events.length > n, 'more');
                    receiver.pause();
                    await new Promise((done) => setTimeout(done, 50)); // away, that is
                    receiver.resume();
                }
                await receiver.until(() => resumed(receiver), 'RESUMED');
                assert.deepEqual(numbers(receiver.events), range(MISSED));
                await receiver.close();
                await world.at.drop();
            } finally {
                await small.stop();
            }
        });

        test(`${transport}: what cannot be held for it is to be fetched anew`, async () => {
            const small = await start('--session-output', '64k');
            try {
                const world = await scene(small);
                await say(world, 0, 100, 'x'.repeat(1000));
                const receiver = await openReceiver(small, world.bob, transport);
                receiver.pause(); // after the poll that is waiting
                await receiver.subscribe({ 'last-event-id': world.cursor });
                await say(world, 100, 200, 'x'.repeat(1000));
                receiver.resume();
                await receiver.until(() => resumed(receiver), 'RESUMED');
                assert.equal(resumed(receiver).complete, false);
                const [resync] = receiver.events.filter(({ type }) => type === 'RESYNC');
                assert.deepEqual(resync.chats, [world.chatId]);
                await say(world, 200, 210);
                await receiver.until(() => numbers(receiver.events).includes(209), 'what follows');
                const got = numbers(receiver.events);
                assert.deepEqual(got.slice(-10), range(210).slice(200));
                assert.equal(new Set(got).size, got.length);
                assert.deepEqual(got, [...got].sort((a, b) => a - b));
                await receiver.close();
                await world.at.drop();
            } finally {
                await small.stop();
            }
        });
    }
});
