// Many senders at once, many devices listening: each message once, in order, for everyone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createChat, createTenant, startServer } from './harness.mjs';
import { Checker, CLEAN } from './checker.mjs';
import { connect, wholeHistory } from './realtime.mjs';

const USERS = 8;
const CHATS = 6;
const PER_SENDER = 150; // messages of each user in each of its chats
const WINDOW = 25; // of them without a receipt yet

test('everyone gets each message once, in seq order', async (t) => {
    const server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'] });
    try {
        const { users } = await createTenant(server,
                                             ...Array.from({ length: USERS }, (_, i) => `user${i}`));
        const checker = new Checker();
        const devices = [];
        for (const user of users) {
            for (const device of ['phone', 'desk']) {
                const session = await connect(server, user);
                session.onEvent = (event) => checker.arrived(`${user.username}/${device}`, event);
                devices.push({ user, session, name: `${user.username}/${device}` });
            }
        }
        const chats = [];
        for (let i = 0; i < CHATS; i++) {
            const members = users.filter((_, n) => n % CHATS === i || (n + i) % 2 === 0);
            const { chatId } = await createChat(...members);
            chats.push({ chatId, members });
            for (const { user, name } of devices.filter((each) => members.includes(each.user))) {
                checker.member(name, chatId);
            }
        }

        const runs = chats.flatMap(({ chatId, members }) => members.map(async (user) => {
            const session = devices.find((each) => each.user === user).session;
            for (let n = 0; n < PER_SENDER; n += WINDOW) {
                await Promise.all(Array.from({ length: WINDOW }, async (_, k) => {
                    const message = `${chatId} ${user.username} ${n + k}`;
                    await session.send({ type: 'SEND_MSG', chatId, message });
                    checker.confirmed(chatId, message);
                }));
            }
        }));
        await Promise.all(runs);

        for (const { chatId, members } of chats) {
            const last = await devices.find(({ user }) => user === members[0]).session.post(chatId);
            const listening = devices.filter(({ user }) => members.includes(user));
            await Promise.all(listening.slice(1).map(({ session }) => {
                return session.next({ messageId: last.messageId });
            }));
            const texts = (await wholeHistory(members[0], chatId)).map(({ content }) => content);
            checker.history('history', chatId, texts);
        }
        assert.deepEqual(checker.verdict(), CLEAN, JSON.stringify(checker.summary()));
        const { confirmed, deliveries } = checker.summary();
        assert.equal(confirmed, runs.length * PER_SENDER);
        t.diagnostic(`${confirmed} messages, ${deliveries} deliveries, none lost, doubled or out of order`);
        await Promise.all(devices.map(({ session }) => session.drop()));
    } finally {
        await server.stop();
    }
});
