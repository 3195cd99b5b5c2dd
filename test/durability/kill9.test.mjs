// kill -9 under load, several times on one data directory. Whatever had its RECEIPT, or was
// delivered to anyone, is in the history afterwards, once; `seq` has no hole; and a client that
// retries what it had no RECEIPT for, under the same clientMessageId, does not double it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createChat, createTenant, signIn, startServer, unique } from '../contract/harness.mjs';
import { Checker, CLEAN } from '../contract/checker.mjs';
import { connect, wholeHistory } from '../contract/realtime.mjs';

const ROUNDS = 6;
const SENDERS = 6;
const WINDOW = 24; // messages of each sender without a receipt yet

let server, app, users;
const rounds = []; // {chats: [chatId], promised: [[chatId, text]]} of every round so far

before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'] });
    const names = Array.from({ length: SENDERS }, (_, i) => `sender${i}`);
    ({ app, users } = await createTenant(server, ...names, 'listener'));
});

after(() => server?.stop());

/** Sends without pause until the session ends; resolves with the sends that got no RECEIPT. */
async function load(session, chatIds, promised) {
    const open = new Map(); // clientMessageId -> action
    let count = 0;
    let ended = false;
    const one = async () => {
        const chatId = chatIds[count % chatIds.length];
        const clientMessageId = unique('send');
        const message = `${session.user.username} ${count++} ${clientMessageId}`;
        const action = { type: 'SEND_MSG', chatId, message, clientMessageId };
        open.set(clientMessageId, action);
        await session.send(action);
        open.delete(clientMessageId);
        promised.push([chatId, message]);
    };
    await Promise.all(Array.from({ length: WINDOW }, async () => {
        while (!ended) {
            await one().catch(() => {
                ended = true;
            });
        }
    }));
    return [...open.values()];
}

/** The chats of one round: one of all, and one of two for each sender. */
async function makeChats(listener) {
    const senders = users.slice(0, SENDERS);
    const shared = await createChat(...senders, listener);
    const own = [];
    for (const sender of senders) {
        own.push(await createChat(sender, listener));
    }
    return { shared: shared.chatId, own: own.map(({ chatId }) => chatId) };
}

/** Everything that was promised is in the histories, once. */
async function checkHistories({ chats, promised }) {
    const checker = new Checker();
    promised.forEach(([chatId, text]) => checker.confirmed(chatId, text));
    for (const chatId of chats) {
        const messages = await wholeHistory(users[SENDERS], chatId);
        checker.history('history', chatId, messages.map(({ content }) => content));
    }
    assert.deepEqual(checker.verdict(), CLEAN, JSON.stringify(checker.summary()));
    return checker.summary().confirmed;
}

for (let round = 1; round <= ROUNDS; round++) {
    test(`kill -9, round ${round}`, async (t) => {
        const listener = users[SENDERS];
        const { shared, own } = await makeChats(listener);
        const chats = [shared, ...own];
        const promised = []; // by a RECEIPT or by a delivery
        const live = new Checker();
        const listening = await connect(server, listener);
        const sending = await Promise.all(users.slice(0, SENDERS).map((user) => connect(server, user)));
        let delivered = 0;
        for (const session of [listening, ...sending]) {
            session.onEvent = (event) => {
                live.arrived(session.user.username, event);
                if (event.type === 'SEND_MSG') {
                    delivered++;
                    promised.push([event.chatId, event.message]);
                }
            };
        }

        const loads = sending.map((session, i) => load(session, [shared, own[i]], promised));
        const enough = 2_000 + 700 * round; // another moment in each round
        while (delivered < enough) {
            await listening.next('SEND_MSG');
        }
        await server.kill9();
        const unanswered = await Promise.all(loads);
        await Promise.all([listening, ...sending].map((session) => session.closed));
        assert.deepEqual(live.verdict(), CLEAN, 'what was delivered, up to the kill');
        const open = unanswered.flat().length;
        assert.ok(open > 0, 'nothing was under way when it was killed');

        await server.restart();
        rounds.push({ chats, promised });
        const confirmed = await checkHistories({ chats, promised });

        // Whoever had no answer asks again, from a new session.
        const again = await connect(server, listener);
        await Promise.all(users.slice(0, SENDERS).map(async (user, i) => {
            const session = await connect(server, await signIn(app, user.username));
            await Promise.all(unanswered[i].map(async (action) => {
                await session.send(action);
                promised.push([action.chatId, action.message]);
            }));
            await session.close();
        }));
        await checkHistories({ chats, promised });

        // NEW_CHAT is 1 and only messages followed: the next number is known.
        for (const chatId of chats) {
            const before = (await wholeHistory(listener, chatId)).length;
            const { seq, message } = await again.post(chatId);
            assert.equal(seq, before + 2, 'seq has no hole');
            promised.push([chatId, message]);
        }
        await again.close();
        t.diagnostic(`${confirmed} confirmed or delivered, ${open} open at the kill, none lost or doubled`);
    });
}

test('after all rounds everything of every round is there', async () => {
    for (const round of rounds) {
        await checkHistories(round);
    }
});
