// The server's memory is level after 10,000 connects and disconnects of every kind: DISCONNECT, a
// close frame, a cut connection, before and after CONNECT.

import { after, before, test } from 'node:test';
import { createChat, createTenant, startServer } from '../contract/harness.mjs';
import { expectGrowth, filesBackTo, openFiles, residentKiB } from '../contract/process.mjs';
import { rawSocket } from '../contract/realtime.mjs';

const WARM_UP = 6_000;
const CONNECTS = 10_000;
const AT_ONCE = 20;
const LEVEL_KIB = 1024; // over 10,000 connects: a leak of 105 bytes each would show

let server, users, chatId;

before(async () => {
    // Tickets are rows until they expire, and the store caches their pages: with short ones their
    // number is level after the warm-up.
    server = await startServer({
        args: ['--request-rate', 'off', '--message-rate', 'off', '--ticket-ttl', '5s'],
    });
    ({ users } = await createTenant(server, ...Array.from({ length: AT_ONCE }, (_, i) => `user${i}`)));
    ({ chatId } = await createChat(...users));
});

after(() => server?.stop());

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

test('memory is level after 10,000 connects and disconnects', async (t) => {
    await connects(100);
    const files = openFiles(server);
    await connects(WARM_UP);
    await filesBackTo(server, files);
    const before = residentKiB(server);
    const seen = [before];
    for (let done = 0; done < CONNECTS; done += 2_000) {
        await connects(2_000);
        await filesBackTo(server, files);
        seen.push(residentKiB(server));
    }
    t.diagnostic(`resident KiB: ${seen.join(', ')}`);
    expectGrowth(server, before, LEVEL_KIB);
});
