// sockjs-client, as its users have it, on each transport that it has in Node, with @stomp/stompjs
// over it. (htmlfile and jsonp need a document: sockjs.test.mjs speaks them by hand.)

import { Client } from '@stomp/stompjs';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import SockJS from 'sockjs-client';
import { createChat, createTenant, getTicket, startServer, within } from './harness.mjs';
import { connect, WAIT } from './realtime.mjs';
import { PREFIX } from './sockjs.mjs';

const COUNT = 500;
let server, ann, bob;
before(async () => {
    server = await startServer({
        args: ['--request-rate', 'off', '--message-rate', 'off', '--threads', '2'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
});
after(() => server?.stop());

/** A client that has subscribed: {client, events, until(count), closed}. */
async function client(user, transports, ticket) {
    ticket ??= await getTicket(user);
    const events = [];
    let look = () => {};
    const stompClient = new Client({
        webSocketFactory: () => new SockJS(`${server.api}${PREFIX}?ticket=${ticket}`, null,
                                           { transports }),
        connectHeaders: { Authorization: `Bearer ${user.jwt}` },
        reconnectDelay: 0,
        heartbeatIncoming: 1000,
        heartbeatOutgoing: 1000,
    });
    const closed = new Promise((done) => (stompClient.onWebSocketClose = done));
    await within(WAIT, () => `${transports}: not CONNECTED`, new Promise((done, fail) => {
        stompClient.onStompError = (frame) => fail(new Error(frame.headers.message));
        closed.then(({ code, reason }) => fail(new Error(`closed ${code} ${reason}`)));
        stompClient.onConnect = () => {
            stompClient.watchForReceipt('subscribed', done);
            stompClient.subscribe('/user/queue/messages', (frame) => {
                events.push(JSON.parse(frame.body));
                look();
            }, { receipt: 'subscribed' });
        };
        stompClient.activate();
    }));
    const until = (enough) => within(WAIT, () => `${transports}: ${events.length} events`,
                                     new Promise((done) => {
                                         look = () => enough(events) && done();
                                         look();
                                     }));
    return { client: stompClient, events, until, closed };
}

const texts = (events) => events.filter(({ type }) => type === 'SEND_MSG').map(({ message }) => message);

for (const transport of ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource']) {
    describe(transport, () => {
        test(`${COUNT} messages out and back, in order`, async () => {
            const { chatId } = await createChat(ann, bob);
            const session = await client(ann, [transport]);
            const sent = Array.from({ length: COUNT },
                                    (_, i) => `${i} 100 % \u2028\u200d😀 </script> ${'x'.repeat(i)}`);
            const receipts = [];
            for (const [i, message] of sent.entries()) {
                session.client.watchForReceipt(`r${i}`, () => receipts.push(i));
                session.client.publish({
                    destination: '/api/chat', headers: { receipt: `r${i}` },
                    body: JSON.stringify({ type: 'SEND_MSG', chatId, message }) });
            }
            await session.until((events) => texts(events).length >= COUNT);
            assert.deepEqual(texts(session.events), sent);
            assert.deepEqual(receipts, [...sent.keys()]);
            await session.client.deactivate();
            const { code } = await within(WAIT, () => 'not closed', session.closed);
            assert.equal(code, 1000);
        });
        test('messages of others, while it is quiet itself', async () => {
            const { chatId } = await createChat(ann, bob);
            const session = await client(ann, [transport]);
            const sender = await connect(server, bob);
            const sent = Array.from({ length: 50 }, (_, i) => `from bob ${i}`);
            for (const message of sent) {
                await sender.send({ type: 'SEND_MSG', chatId, message });
            }
            await session.until((events) => texts(events).length >= sent.length);
            assert.deepEqual(texts(session.events), sent);
            await Promise.all([sender.close(), session.client.deactivate()]);
        });
        test('heart-beats keep it', async () => {
            const session = await client(ann, [transport]);
            await new Promise((done) => setTimeout(done, 4_000)); // time is what is tested
            assert.ok(session.client.connected);
            await session.client.deactivate();
        });
        test('the end of a sign-in', async () => {
            const { users: [max] } = await createTenant(server, 'max');
            const session = await client(max, [transport]);
            await fetch(`${server.api}/api/auth/logoutAll`, {
                method: 'POST', headers: { authorization: `Bearer ${max.jwt}` } });
            const { code, reason } = await within(WAIT, () => 'not closed', session.closed);
            assert.deepEqual([code, reason], [1008, 'signed out']);
        });
        test('a ticket that is no good', async () => {
            await assert.rejects(client(ann, [transport], 'x'), /closed (1008|2000|1002)/);
        });
    });
}

test('all transports at its choice', async () => {
    const session = await client(ann);
    await session.client.deactivate();
});
