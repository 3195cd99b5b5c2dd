// The server's memory is level after 10,000 connects and disconnects of every kind: DISCONNECT, a
// close frame, a cut connection, before and after CONNECT.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { createChat, createTenant, startServer } from '../contract/harness.mjs';
import { rawSocket } from '../contract/realtime.mjs';

const WARM_UP = 2_000;
const CONNECTS = 10_000;
const AT_ONCE = 20;
const LEVEL_KIB = 512; // over 10,000 connects: a leak of 52 bytes each would show

let server, users, chatId;

before(async () => {
    // Tickets are rows until they expire, and the store caches their pages: with short ones their
    // number is level after the warm-up.
    server = await startServer({
        args: ['--request-rate', 'off', '--message-rate', 'off', '--ticket-ttl', '2s'],
    });
    ({ users } = await createTenant(server, ...Array.from({ length: AT_ONCE }, (_, i) => `user${i}`)));
    ({ chatId } = await createChat(...users));
});

after(() => server?.stop());

const residentKiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`))[1]);
const openFiles = () => readdirSync(`/proc/${server.pid}/fd`).length;

const ends = [
    async (socket) => {
        await socket.connect();
        await socket.subscribe();
        socket.send('DISCONNECT', { receipt: 'bye' });
        await socket.whenClosed();
    },
    async (socket) => {
        await socket.connect();
        await socket.subscribe();
        socket.action({ type: 'TYPING', chatId }, { receipt: 'typing' });
        await socket.next('RECEIPT');
        await socket.close();
    },
    async (socket) => {
        await socket.connect();
        await socket.close();
    },
    (socket) => socket.close(),
    async (socket) => {
        socket.write('SHOUT\n\n\0');
        await socket.failed();
    },
];

async function connects(count) {
    await Promise.all(users.map(async (user, i) => {
        for (let n = i; n < count; n += AT_ONCE) {
            await ends[(n + i) % ends.length](await rawSocket(server, user));
        }
    }));
}

/** Waits until the server has let go of every connection that is gone. */
async function settled(files) {
    const until = Date.now() + 20_000;
    while (openFiles() > files) {
        assert.ok(Date.now() < until, `${openFiles()} files are open, ${files} were`);
        await new Promise((done) => setTimeout(done, 50));
    }
}

test('memory is level after 10,000 connects and disconnects', async (t) => {
    await connects(100);
    await settled(openFiles());
    const files = openFiles();
    await connects(WARM_UP);
    await settled(files);
    const before = residentKiB();
    const seen = [before];
    for (let done = 0; done < CONNECTS; done += 2_000) {
        await connects(2_000);
        await settled(files);
        seen.push(residentKiB());
    }
    t.diagnostic(`resident KiB: ${seen.join(', ')}`);
    assert.ok(seen.at(-1) - before < LEVEL_KIB, `grew by ${seen.at(-1) - before} KiB: ${seen}`);
});
