// What a client can make large: subscriptions with long ids, on every transport; requests that come
// at once; sessions that are asked for as they are forgotten. The server lives, others are served,
// and what is too much is an error to the one who did it.

import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { readStomp, stomp } from './frames.mjs';
import { api, createChat, createTenant, expectStatus, startServer } from './harness.mjs';
import { connect, rawSocket } from './realtime.mjs';
import { messagesOf, newSession, openStream, SockSession, socketTo } from './sockjs.mjs';

const SUBSCRIPTIONS = 64;
const LONG_ID = 1024;
const HEAVY = '\u0001'.repeat(10_000); // six bytes each in JSON, and more in SockJS

let server, ann, bob, chatId, session;
before(async () => {
    server = await startServer({ args: ['--request-rate', 'off', '--message-rate', 'off', '--threads', '4', '--session-output', '64m'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
    ({ chatId } = await createChat(ann, bob));
    session = await connect(server, ann, { subscribe: false });
});
after(async () => {
    await session?.close();
    await server?.stop();
});

const idOf = (i) => `${i}-`.padEnd(LONG_ID, '"\u0001');
const subscribeFrames = () => Array.from({ length: SUBSCRIPTIONS }, (_, i) => {
    return stomp('SUBSCRIBE', { id: idOf(i), destination: '/user/queue/messages', receipt: `r${i}` });
});

/** In parts that one message may have. */
async function inParts(frames, send) {
    for (let i = 0; i < frames.length; i += 16) {
        await send(frames.slice(i, i + 16));
    }
}

/** Messages and replies, each the largest there is. */
async function sendHeavy(count) {
    const { messages: [original] } = await session.send({ type: 'SEND_MSG', chatId, message: HEAVY })
        .then(() => api(ann, 'GET', `/api/messages/getMessages/${chatId}?size=1`)).then(({ body }) => body);
    for (let i = 1; i < count; i++) {
        await session.send({ type: 'REPLY', chatId, messageId: original.messageId, message: HEAVY });
    }
}

/** Counts MESSAGE frames by subscription until each has so many. */
function counter(count) {
    const got = new Map();
    let done;
    const all = new Promise((resolve) => (done = resolve));
    return {
        all,
        take(text) {
            const { command, headers, body } = readStomp(Buffer.from(text));
            if (command !== 'MESSAGE' || body.startsWith('{"type":"READ_MSG"')) {
                return;
            }
            assert.ok(JSON.parse(body).message === HEAVY, body.slice(0, 300));
            got.set(headers.subscription, (got.get(headers.subscription) ?? 0) + 1);
            if (got.size === SUBSCRIPTIONS && [...got.values()].every((n) => n === count)) {
                done();
            }
        },
        check: () => [...got.values()].forEach((n) => assert.equal(n, count)),
    };
}

describe('64 subscriptions with the longest ids get the largest events, each once', { concurrency: false }, () => {
    for (const transport of ['xhr_streaming', 'eventsource', 'htmlfile']) {
        test(`by ${transport}, in as many answers as that takes`, async () => {
            const stream = await openStream(server, bob, transport, transport === 'htmlfile' ? { c: 'cb' } : {});
            await stream.send(stream.connectFrame());
            await stream.stomp('CONNECTED');
            await inParts(subscribeFrames(), (part) => stream.send(...part));
            for (let i = 0; i < SUBSCRIPTIONS; i++) {
                await stream.stomp('RECEIPT');
            }
            const { all, take, check } = counter(2);
            stream.onFrame = (frame) => frame[0] === 'a' && messagesOf(frame).forEach(take);
            let going = true;
            const reopen = (async () => {
                while (going) {
                    await stream.end(30_000).catch((error) => { if (going) throw error; });
                    if (going) {
                        await stream.open(transport, transport === 'htmlfile' ? { c: 'cb' } : {});
                    }
                }
            })();
            await sendHeavy(2);
            await Promise.race([all, reopen]);
            check();
            going = false;
            stream.abort();
            await reopen;
        });
    }

    test('by xhr, poll after poll', async () => {
        const polled = await newSession(server, bob);
        assert.equal((await polled.poll()).text, 'o\n');
        await polled.send(polled.connectFrame());
        await inParts(subscribeFrames(), (part) => polled.send(...part));
        const { all, take, check } = counter(2);
        await sendHeavy(2);
        let ended = false;
        all.then(() => (ended = true));
        while (!ended) {
            const { status, text } = await polled.poll();
            assert.equal(status, 200);
            assert.ok(text.length < 4_000_000, `an answer of ${text.length} bytes`);
            if (text[0] === 'a') {
                messagesOf(text.trimEnd()).filter((each) => each !== '\n').forEach(take);
            }
            await Promise.resolve();
        }
        check();
    });

    test('by SockJS over a WebSocket, and by a plain one', async () => {
        const socket = socketTo(server, (await newSession(server, bob)).path('websocket'));
        assert.equal(await socket.next(), 'o');
        const plain = await rawSocket(server, bob);
        await plain.connect();
        await inParts([new SockSession(server, bob).connectFrame(), ...subscribeFrames()],
                      (part) => socket.ws.send(JSON.stringify(part.map(String))));
        for (let i = 0; i < SUBSCRIPTIONS; i++) {
            await plain.subscribe(idOf(i));
        }
        const { all, take, check } = counter(2);
        socket.ws.on('message', (data) => data.toString()[0] === 'a' &&
            messagesOf(data.toString()).filter((each) => each !== '\n').forEach(take));
        await sendHeavy(2);
        await all;
        check();
        for (let i = 0; i < 2 * SUBSCRIPTIONS; i++) {
            await plain.next(({ body }) => body.startsWith('{"type":"SEND_MSG"') || body.startsWith('{"type":"REPLY"'));
        }
        socket.ws.terminate();
        await plain.close();
    });
});

test('many requests that send at once wait for their turn, or are told to', async () => {
    const tight = await startServer({ args: ['--request-rate', 'off', '--message-rate', '20/5'] });
    try {
        const { users: [max, moe] } = await createTenant(tight, 'max', 'moe');
        const chat = await createChat(max, moe);
        const reader = await connect(tight, moe);
        const stream = await openStream(tight, max);
        await stream.connect();
        const send = (i) => stomp('SEND', { destination: '/api/chat' },
                                  JSON.stringify({ type: 'SEND_MSG', chatId: chat.chatId, message: `m${i}` })).toString();
        const from = Date.now();
        const first = stream.post(JSON.stringify(Array.from({ length: 30 }, (_, i) => send(i))));
        await reader.next({ message: 'm4' });
        const others = await Promise.all(Array.from({ length: 12 }, (_, i) => stream.post(JSON.stringify([send(100 + i)]))));
        assert.equal((await first).status, 204);
        assert.ok(Date.now() - from > 1_000, 'xhr_send holds back');
        const taken = others.filter(({ status }) => status === 204).length;
        const refused = others.filter(({ status }) => status === 503);
        assert.ok(taken >= 7 && refused.length >= 4 && taken + refused.length === 12, `${taken} taken, ${refused.length} refused`);
        assert.match(refused[0].text, /one at a time/);
        for (let i = 0; i < 30; i++) {
            const { message } = await reader.next((event) => /^m\d+$/.test(event.message));
            if (i < 4) {
                assert.equal(message, `m${i}`);
            }
        }
        stream.abort();
    } finally {
        await tight.stop();
    }
});

/** Requests, a hundred at a time; emit 'more' begins. */
function makeNoise(of) {
    const { hostname, port } = new URL(of.api);
    const socket = net.connect({ host: hostname, port: Number(port) }).on('error', () => {});
    let due = 0;
    socket.on('data', (data) => {
        const came = data.toString('latin1').split('HTTP/1.1 200').length - 1;
        if (came && (due -= came) <= 0) {
            socket.emit('more');
        }
    });
    return socket.on('more', () => {
        due += 100;
        socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
    });
}

test('a session that is asked for as it is forgotten does no harm', async () => {
    // Closed sessions tell their close frame for 5 seconds. Each is asked for once, about when that is
    // over, by a loop that other requests keep busy: so the request is read before the session's timer
    // fires, and reaches the session after.
    const busy = await startServer({ args: ['--request-rate', 'off', '--threads', '1'] });
    try {
        const { users: [max] } = await createTenant(busy, 'max');
        const sessions = await Promise.all(Array.from({ length: 90 }, async () => {
            const each = await newSession(busy, max);
            await each.poll();
            await each.send(each.connectFrame()); // now the ticket opens no other session
            await each.poll();
            return each;
        }));
        const noise = Array.from({ length: 20 }, () => makeNoise(busy));
        await Promise.all(sessions.map(async (each, i) => {
            await each.send(stomp('SEND', {}));
            assert.match((await each.poll()).text, /^a\["ERROR/);
            const until = Date.now() + 4_850 + i * 5;
            if (i === 0) {
                setTimeout(() => noise.forEach((socket) => socket.emit('more')), 4_700);
            }
            await new Promise((done) => setTimeout(done, until - Date.now())); // time is what is tested
            const { status, text } = await each.poll();
            assert.ok(status === 401 || text.startsWith('c['), `${status} ${text}`);
        }));
        noise.forEach((socket) => socket.destroy());
        await new Promise((done) => setTimeout(done, 6_000)); // the timers that were set then
        expectStatus(await api(max, 'GET', '/api/user/getUser'), 200);
    } finally {
        await busy.stop();
    }
});
