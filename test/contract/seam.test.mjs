// Where what was missed meets what comes live. Clients cut their connections at any moment, also
// while they resume, and come back with the last event id they saw, while others send, join and
// leave. In the end everyone has had, of each time of membership, every event once and in order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OP, stomp, wsFrame } from './frames.mjs';
import { Checker, CLEAN } from './checker.mjs';
import { api, createChat, createTenant, expectStatus, startServer } from './harness.mjs';
import { connect } from './realtime.mjs';
import { upgraded } from './tcp.mjs';

const USERS = 50;
const DEVICES = 2; // of each: the second subscribes while the first is live
const CHATS = 6;
const SENDERS = 4;
const SECONDS = 12;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const random = (n) => Math.floor(Math.random() * n);

/** A client that keeps the last event id it saw. */
class Device {
    cursor;
    resumes = 0;
    repeated = 0;
    incomplete = 0;
    events = []; // stored ones, each id once
    #ids = new Set();
    #server;

    constructor(server, user, name, cursor) {
        Object.assign(this, { user, name, cursor });
        this.#server = server;
    }

    /** Connects, and stays for a while, or until RESUMED if ms is not given. */
    async visit(ms) {
        const session = await connect(this.#server, this.user, { subscribe: false });
        session.onEvent = (event) => this.#arrived(event, session.frames.at(-1).headers);
        const subscribed = session.subscribe({ 'last-event-id': this.cursor });
        subscribed.catch(() => {}); // cut off before its receipt
        if (ms === undefined) {
            await session.next('RESUMED');
        } else {
            await pause(ms);
        }
        session.onEvent = undefined;
        await session.drop();
        this.resumes++;
    }

    #arrived(event, headers) {
        this.cursor = headers['message-id'];
        if (event.type === 'RESYNC' || event.complete === false) {
            this.incomplete++;
        }
        if (!event.seq) {
            return;
        }
        assert.equal(headers['message-id'], event.eventId);
        if (this.#ids.has(event.eventId)) {
            this.repeated++;
            return;
        }
        this.#ids.add(event.eventId);
        this.events.push(event);
    }
}

/** What a user should have had of a chat: lists of events, one for each time of membership. */
function membershipsOf(user, log, atFirst) {
    const times = atFirst ? [[]] : [];
    let inside = atFirst;
    for (const event of log) {
        if (event.type === 'USER_JOIN' && event.message === user.id) {
            inside = true;
            times.push([]);
        }
        if (inside) {
            times.at(-1).push(event);
        }
        if (event.type === 'USER_LEAVE' && event.senderId === user.id) {
            inside = false;
        }
    }
    return times;
}

/** Tells the checker of everything that the device got, chat by chat and time by time. */
function check(checker, device, logs) {
    const place = new Map(); // eventId -> the time of membership it belongs to
    for (const { chatId, log, members } of logs) {
        const times = membershipsOf(device.user, log, members.includes(device.user));
        times.forEach((events, i) => {
            checker.member(device.name, `${chatId}/${device.user.id}/${i}`);
            for (const { eventId } of events) {
                place.set(eventId, `${chatId}/${device.user.id}/${i}`);
                checker.confirmed(`${chatId}/${device.user.id}/${i}`, eventId);
            }
        });
    }
    let outside = 0;
    for (const event of device.events) {
        const chatId = place.get(event.eventId);
        outside += chatId === undefined;
        // Every stored event counts as a message here: none may be missing.
        checker.arrived(device.name, { ...event, type: 'SEND_MSG', chatId: chatId ?? 'outside' });
    }
    return outside;
}

/** Until the deadline, and longer on a machine too busy to have done enough by then. */
async function eventsUntil(users, deadline, enough, act) {
    await Promise.all(users.map(async (user, i) => {
        while (Date.now() < deadline || !enough()) {
            await act(user, i);
        }
    }));
}

test('clients that come and go lose nothing', async (t) => {
    const server = await startServer({
        args: ['--message-rate', 'off', '--request-rate', 'off', '--demo-users', '0',
               '--threads', '4', '--resumes', '8'],
    });
    try {
        const { users: [ann, ...users] } = await createTenant(
            server, 'ann', ...Array.from({ length: USERS }, (_, i) => `user${i}`));
        const observer = await connect(server, ann); // in every chat, and always there
        const senders = await Promise.all(
            Array.from({ length: SENDERS }, (_, i) => (i ? connect(server, ann) : observer)));
        const logs = [];
        for (let i = 0; i < CHATS; i++) {
            const members = users.filter((_, n) => n % 4 === i % 4);
            const { chatId } = await createChat(ann, ...members);
            await observer.next({ type: 'NEW_CHAT', chatId }); // before the cursor, so not in the log
            logs.push({ chatId, members, inside: new Set(members), log: [] });
        }
        const { body: { cursor } } = expectStatus(await api(users[0], 'GET', '/api/sync'), 200);
        observer.onEvent = (event) => {
            if (event.seq) {
                logs.find(({ chatId }) => chatId === event.chatId)?.log.push(event);
            }
        };
        const devices = users.flatMap((user) => Array.from({ length: DEVICES }, (_, i) => {
            return new Device(server, user, `${user.username}/${i}`, cursor);
        }));

        const deadline = Date.now() + SECONDS * 1000;
        let sent = 0;
        let moved = 0;
        const sum = (name) => devices.reduce((n, device) => n + device[name], 0);
        const enough = () => sent > 100 && moved > 20 && sum('resumes') > 3 * devices.length;
        await Promise.all([
            eventsUntil(devices, deadline, enough, (device) => device.visit(random(4) ? random(150) : random(15))),
            eventsUntil(senders, deadline, enough, async (session, i) => {
                const chat = logs[random(CHATS)];
                await session.send({ type: 'SEND_MSG', chatId: chat.chatId, message: `${i} ${sent++}` });
                await pause(random(20));
            }),
            eventsUntil([ann, ann], deadline, enough, async (_, i) => {
                const chat = logs[i * 3 + random(3)];
                const user = users[random(USERS)];
                const [path, body] = chat.inside.delete(user)
                    ? ['/api/chat/removeUser', { chatId: chat.chatId, removeUser: user.id }]
                    : ['/api/chat/addUser', { chatId: chat.chatId, newUsername: user.username }];
                if (path.endsWith('addUser')) {
                    chat.inside.add(user);
                }
                expectStatus(await api(ann, 'POST', path, body), 200);
                moved++;
                await pause(random(30));
            }),
        ]);
        await Promise.all(devices.map((device) => device.visit()));
        const last = await observer.post(logs[0].chatId, 'the end');
        logs[0].log = logs[0].log.filter(({ eventId }) => eventId !== last.eventId);

        const checker = new Checker({ key: ({ eventId }) => eventId });
        let outside = 0;
        for (const device of devices) {
            outside += check(checker, device, logs);
        }
        assert.deepEqual(checker.verdict(), CLEAN, JSON.stringify(checker.summary()));
        assert.equal(outside, 0, 'events from outside a membership');
        assert.equal(sum('incomplete'), 0);
        const { deliveries } = checker.summary();
        t.diagnostic(`${devices.length} clients, ${sum('resumes')} resumes, ${sent} messages, ` +
            `${moved} joins and leaves, ${deliveries} deliveries (${sum('repeated')} repeated with ` +
            'their ids): 0 lost, 0 reordered, 0 doubled');
        await Promise.all(senders.map((session) => session.drop()));
    } finally {
        await server.stop();
    }
});

test('more than can be held while a client does not read: RESYNC, and it goes on', async () => {
    const server = await startServer({
        args: ['--message-rate', 'off', '--request-rate', 'off', '--session-output', '64k'],
    });
    let wire;
    try {
        const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
        const { chatId } = await createChat(ann, bob);
        const at = await connect(server, ann);
        const first = await at.post(chatId, 'first');
        const filler = 'x'.repeat(9_900);
        const flood = async (n) => {
            for (let i = 0; i < n; i += 20) {
                await Promise.all(Array.from({ length: 20 }, (_, k) => {
                    return at.send({ type: 'SEND_MSG', chatId, message: `${i + k} ${filler}` });
                }));
            }
        };
        await flood(1000);
        wire = await upgraded(server, bob);
        wire.write(wsFrame(OP.TEXT, stomp('CONNECT', {
            'accept-version': '1.2', Authorization: `Bearer ${bob.jwt}`,
        })));
        await wire.stomp('CONNECTED');
        wire.pause();
        wire.write(wsFrame(OP.TEXT, stomp('SUBSCRIBE', {
            id: '0', destination: '/user/queue/messages', 'last-event-id': first.eventId,
        })));
        await pause(500);
        await flood(20);
        wire.resume();
        const text = ({ payload }) => payload.toString();
        const resync = await wire.next((frame) => text(frame).includes('"RESYNC"'), 'RESYNC');
        assert.ok(text(resync).includes(`{"type":"RESYNC","chats":["${chatId}"]}`));
        const end = await wire.next((frame) => text(frame).includes('"RESUMED"'), 'RESUMED');
        assert.ok(text(end).includes('{"type":"RESUMED","complete":false}'));
        await at.send({ type: 'SEND_MSG', chatId, message: 'afterwards' });
        await wire.next((frame) => text(frame).includes('afterwards'), 'what comes live');
        await at.drop();
    } finally {
        wire?.destroy();
        await server.stop();
    }
});
