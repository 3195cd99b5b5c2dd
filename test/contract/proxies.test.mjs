// Real clients through nginx, HAProxy and Caddy, as docs/operating.md configures them.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import {
    api, createChat, createTenant, eventually, expectStatus, manage, run, startServer, unique,
} from './harness.mjs';
import { PROXIES, QUIET, startProxy } from './proxies.mjs';
import { connect } from './realtime.mjs';
import { messagesOf, openStream } from './sockjs.mjs';

const CLIENT = '127.0.0.2'; // not an address of a proxy
const IDLE = 4 * QUIET;     // as an hour and more is to two minutes

let server;
let tenant;
before(async () => {
    server = await startServer({
        args: ['--trusted-proxies', '127.0.0.1', '--ping-interval', '500ms', '--heart-beat', '500ms'],
    });
    tenant = await createTenant(server, 'ann', 'bob');
});
after(() => server.stop());

/** A request from CLIENT with a header that pretends another; resolves with the server's line of it. */
async function lineOf(base, path) {
    const id = unique('request');
    const agent = new http.Agent({ localAddress: CLIENT });
    await new Promise((done, fail) => {
        http.get(base + path, { agent, headers: { 'x-request-id': id, 'x-forwarded-for': '192.0.2.9' } })
            .on('response', (response) => response.resume().on('end', done)).on('error', fail);
    });
    agent.destroy();
    return server.logged((line) => line.id === id);
}

for (const name of PROXIES) {
    describe(`behind ${name}`, () => {
        let front;
        let ann;
        let bob;
        let chat;
        before(async () => {
            front = await startProxy(name, server);
            [ann, bob] = tenant.users.map((user) => ({ ...user, server: front }));
            chat = await eventually('the proxy has found its server', async () => {
                const { status } = await api({ server: front }, 'GET', '/livez');
                return status === 200 && createChat(ann, bob);
            });
        });
        after(() => front?.stop());

        test('REST works on both listeners, and the log has the client\'s address', async () => {
            expectStatus(await api(ann, 'GET', '/api/user/getUser'), 200);
            expectStatus(await manage({ ...tenant.account, server: front }, 'GET', '/api/client/profile'), 200);
            assert.equal((await lineOf(front.api, '/nowhere')).client, CLIENT);
            assert.equal((await lineOf(front.management, '/nowhere')).client, CLIENT);
        });

        test('a WebSocket gets events at once and outlives its silence', async () => {
            const from = server.logLines().length;
            const session = await connect(front, ann, { ws: { localAddress: CLIENT } });
            await server.logged(({ status, user, client }) =>
                status === 101 && user === ann.id && client === CLIENT, 'the upgrade', from);
            const closed = await Promise.race([session.closed, idle()]);
            assert.equal(closed, undefined, 'the idle session was closed');
            await session.send({ type: 'SEND_MSG', chatId: chat.chatId, message: `through ${name}` });
            await session.next({ type: 'SEND_MSG', message: `through ${name}` });
            await session.close();
        });

        for (const transport of ['xhr_streaming', 'eventsource']) {
            test(`${transport} gets events at once and outlives its silence`, async () => {
                const stream = await openStream(front, bob, transport);
                await stream.send(stream.connectFrame({ 'heart-beat': '0,500' }));
                await stream.stomp('CONNECTED');
                await stream.subscribe();
                await idle();
                assert.ok(!stream.ended, 'the idle stream was ended');
                assert.ok(beats(stream) >= IDLE / 500 / 3, `${beats(stream)} heart-beats`);
                const message = unique('message');
                const session = await connect(server, tenant.users[0]);
                await session.send({ type: 'SEND_MSG', chatId: chat.chatId, message });
                await session.close();
                assert.equal(JSON.parse((await stream.stomp('MESSAGE')).body).message, message);
                stream.abort();
            });
        }
    });
}

/** The silence itself is what is tested. */
function idle() {
    return new Promise((done) => setTimeout(done, IDLE));
}

function beats(stream) {
    return stream.frames.filter((frame) => frame === 'h' || messagesOf(frame).includes('\n')).length;
}

test('connections are kept open between requests for longer than proxies keep them', async () => {
    const { stdout } = await run(['check-config']);
    const [, seconds] = /^idle-timeout = (\d+)s$/m.exec(stdout);
    assert.ok(Number(seconds) > 60, `${seconds} s`);
});
