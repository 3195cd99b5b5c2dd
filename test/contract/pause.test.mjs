// The process stands still, as in a suspended machine or a stopped container. What the clients sent
// meanwhile waits in the sockets: it is read before anyone is judged to have been silent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createChat, createTenant, startServer } from './harness.mjs';
import { connect, rawSocket } from './realtime.mjs';
import { open as openTcp } from './raw_http.mjs';
import { newSession } from './sockjs.mjs';

const BEAT = 1000;

/** Stops the process for that long; meanwhile `write` is called. */
async function paused(server, ms, write) {
    process.kill(server.pid, 'SIGSTOP');
    await write();
    await new Promise((done) => setTimeout(done, ms)); // time is what is tested
    process.kill(server.pid, 'SIGCONT');
}

test('a pause of more than two heart-beats closes no session whose beats wait', async () => {
    const server = await startServer({ args: ['--heart-beat', '1s'] });
    try {
        const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
        const { chatId } = await createChat(ann, bob);
        const session = await connect(server, ann);
        const mute = await rawSocket(server, bob, { autoPong: false }); // does not answer pings
        await mute.connect({ 'heart-beat': `${BEAT},${BEAT}` });
        await mute.subscribe();
        for (let i = 0; i < 2; i++) {
            await paused(server, 5 * BEAT, () => mute.write('\n'));
        }
        mute.write('\n');
        await session.post(chatId, 'after the pauses');
        await mute.next(({ body }) => body.includes('after the pauses'));
        await Promise.all([session.close(), mute.close()]);
    } finally {
        await server.stop();
    }
});

test('a CONNECT, a request and a poll that came during a pause are in time', async () => {
    const server = await startServer({ args: ['--connect-timeout', '1s', '--request-timeout', '1s', '--request-rate', 'off'] });
    try {
        const { users: [ann] } = await createTenant(server, 'ann');
        const socket = await rawSocket(server, ann);
        const request = await openTcp(server.api);
        request.write('GET /livez HTTP/1.1\r\n');
        const polled = await newSession(server, ann);
        assert.equal((await polled.poll()).text, 'o\n');
        await polled.send(polled.connectFrame());
        await polled.poll();
        let connected, poll;
        await paused(server, 6_000, async () => { // a SockJS session without a request lives for 5 s
            connected = socket.connect();
            request.write('Host: x\r\n\r\n');
            poll = polled.poll();
        });
        await connected;
        assert.equal((await request.response()).status, 200);
        await polled.send('\n');
        await polled.send(Buffer.from('DISCONNECT\n\n\0'));
        assert.match((await poll).text, /^c\[1000,/);
        await Promise.all([socket.close(), request.destroy()]);
    } finally {
        await server.stop();
    }
});
