// kill -9 again and again under load, with clients that come back by themselves: each resumes from
// the last event id it saw and sends again, under the same clientMessageId, what had no RECEIPT.
// In the end every member has had every confirmed message once, in the order of `seq`.
//
//     KILLS=60 node --test durability/kill9_resume.test.mjs       two minutes of it: make soak

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Checker, CLEAN } from '../contract/checker.mjs';
import { api, createChat, createTenant, expectStatus, startServer, unique, within } from '../contract/harness.mjs';
import { connect, wholeHistory } from '../contract/realtime.mjs';

const KILLS = Number(process.env.KILLS ?? 4);
const KILL_EVERY_MS = 2000;
const CLIENTS = 10;
const WINDOW = 8; // messages of a client without a RECEIPT yet
const TRY_AGAIN_MS = 50;
const END_MS = 60_000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

class Client {
    reconnects = 0;
    repeated = 0; // events that came again, which resume may do
    #unconfirmed = new Map(); // clientMessageId -> action
    #ids = new Set();
    #sent = 0;
    #stopping = false;

    constructor(server, user, chatIds, checker, cursor) {
        Object.assign(this, { server, user, chatIds, checker, cursor });
    }

    /** Comes back until it has been told to stop and everything it sent is confirmed. */
    async run() {
        while (!this.#stopping || this.#unconfirmed.size > 0) {
            try {
                await this.#visit();
            } catch (error) {
                this.last = error;
                await pause(TRY_AGAIN_MS); // the server is gone, or not yet back
            }
        }
        return this;
    }

    stop() {
        this.#stopping = true;
    }

    /** One last time, without sending: RESUMED says that nothing is missing. */
    async catchUp() {
        const session = await this.#open();
        await session.next('RESUMED');
        await session.close();
    }

    async #open() {
        const session = await connect(this.server, this.user, { subscribe: false });
        session.onEvent = (event) => this.#arrived(event, session.frames.at(-1).headers);
        await session.subscribe({ 'last-event-id': this.cursor });
        this.reconnects++;
        return session;
    }

    async #visit() {
        const session = await this.#open();
        const again = [...this.#unconfirmed.values()];
        await Promise.all(again.map((action) => this.#send(session, action)));
        await Promise.all(Array.from({ length: WINDOW }, async () => {
            while (!this.#stopping) {
                const chatId = this.chatIds[this.#sent % this.chatIds.length];
                const clientMessageId = unique('send');
                const message = `${this.user.username} ${this.#sent++} ${clientMessageId}`;
                const action = { type: 'SEND_MSG', chatId, message, clientMessageId };
                this.#unconfirmed.set(clientMessageId, action);
                await this.#send(session, action);
            }
        }));
        await session.close();
    }

    async #send(session, action) {
        await session.send(action);
        this.#unconfirmed.delete(action.clientMessageId);
        this.checker.confirmed(action.chatId, action.message);
    }

    #arrived(event, headers) {
        this.cursor = headers['message-id'];
        assert.notEqual(event.type, 'RESYNC');
        if (!event.seq) {
            return;
        }
        if (this.#ids.has(event.eventId)) {
            this.repeated++;
            return;
        }
        this.#ids.add(event.eventId);
        this.checker.arrived(this.user.username, event);
    }
}

test(`kill -9 every ${KILL_EVERY_MS / 1000} s, ${KILLS} times, with clients that resume`, async (t) => {
    const server = await startServer({
        args: ['--message-rate', 'off', '--request-rate', 'off', '--resume-events', '100000'],
    });
    try {
        const { users } = await createTenant(
            server, ...Array.from({ length: CLIENTS }, (_, i) => `client${i}`));
        const { chatId: shared } = await createChat(...users);
        const { body: { cursor } } = expectStatus(await api(users[0], 'GET', '/api/sync'), 200);
        const checker = new Checker();
        const chats = [];
        const clients = [];
        for (const [i, user] of users.entries()) {
            const { chatId } = await createChat(user, users[(i + 1) % CLIENTS]);
            chats.push({ chatId, members: [user, users[(i + 1) % CLIENTS]] });
            clients.push(new Client(server, user, [shared, chatId], checker, cursor));
        }
        chats.push({ chatId: shared, members: users });
        for (const { chatId, members } of chats) {
            members.forEach(({ username }) => checker.member(username, chatId));
        }

        const running = clients.map((client) => client.run());
        for (let kill = 0; kill < KILLS; kill++) {
            await pause(KILL_EVERY_MS); // how long it lives is what the test is about
            await server.kill9();
            await server.restart();
        }
        clients.forEach((client) => client.stop());
        await within(END_MS, () => `not done: ${clients.map(({ last }) => last)}`, Promise.all(running));
        for (const client of clients) {
            await client.catchUp();
        }

        assert.deepEqual(checker.verdict(), CLEAN, JSON.stringify(checker.summary()));
        const { confirmed, deliveries } = checker.summary();
        const histories = new Checker();
        for (const { chatId, members } of chats) {
            const messages = await wholeHistory(members[0], chatId);
            histories.history('history', chatId, messages.map(({ content }) => content));
        }
        assert.deepEqual(histories.verdict(), CLEAN, 'a retry never doubles');
        const reconnects = clients.reduce((sum, client) => sum + client.reconnects, 0);
        const repeated = clients.reduce((sum, client) => sum + client.repeated, 0);
        assert.ok(reconnects >= CLIENTS * KILLS / 2, `only ${reconnects} connections`);
        t.diagnostic(`${KILLS} kills: ${confirmed} confirmed, ${deliveries} delivered once, ` +
            `${reconnects} connections, ${repeated} events came again; 0 lost, doubled, reordered`);
    } finally {
        await server.stop();
    }
});
