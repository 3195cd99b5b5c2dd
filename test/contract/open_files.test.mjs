// How many sockets may be open at all, by the limit of open files and by --connections; and that who
// asks whether the server lives is answered whatever holds the rest.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { get, open } from './raw_http.mjs';

const PROBES = ['/livez', '/readyz'];

async function withServer(options, run) {
    const server = await startServer(options);
    const sockets = [];
    try {
        await run(server, async (base) => sockets[sockets.push(await open(base)) - 1]);
    } finally {
        await Promise.all(sockets.map((socket) => socket.destroy()));
        await server.stop();
    }
}

const readyLine = (server) => server.logLines().find(({ event }) => event === 'ready');

/** Connections that are open and have been answered; stops at the first that is closed instead. */
async function fill(base, dial, most) {
    for (let n = 0; n < most; n++) {
        const socket = await dial(base);
        const taken = await socket.write(get('/livez')).response().then(() => true, () => false);
        if (!taken) {
            return n;
        }
    }
    return most;
}

/** A probe on a connection of its own. */
async function probe(server, dial, path) {
    const socket = await dial(server.management);
    const { status } = await socket.write(get(path)).response();
    await socket.destroy();
    return status;
}

test('--connections raises the soft limit of open files, and the ready line says the number', async () => {
    await withServer({ args: ['--connections', '300'], openFiles: { soft: 64, hard: 4096 } }, async (server, dial) => {
        assert.equal(readyLine(server).connections, 300);
        assert.equal(await fill(server.api, dial, 301), 300);
    });
});

test('more --connections than the hard limit of open files has room for: the ready line says fewer', async () => {
    await withServer({ args: ['--connections', '5000'], openFiles: { soft: 64, hard: 512 } }, async (server, dial) => {
        const { connections } = readyLine(server);
        assert.ok(connections > 200 && connections < 512, `${connections} connections`);
        const line = await server.logged(({ event }) => event === 'fewer connections than asked for');
        assert.deepEqual([line.asked, line.connections], [5000, connections]);
        assert.equal(await fill(server.api, dial, 512), connections);
        assert.ok(!server.logLines().some(({ event }) => event === 'accept paused'), 'files ran out');
    });
});

test('at the limit of sockets the probes of the management API answer, and the log says so', async () => {
    await withServer({ args: ['--connections', '10'] }, async (server, dial) => {
        assert.equal(await fill(server.api, dial, 20), 10);
        const line = await server.logged(({ event }) => event === 'sockets refused');
        assert.deepEqual([line.on, line.open], ['api', 10]);
        for (const path of PROBES) {
            assert.equal(await probe(server, dial, path), 200, path);
        }
    });
});

test('when the management API itself is full, probes are answered and others told so', async () => {
    await withServer({ openFiles: { soft: 64, hard: 256 } }, async (server, dial) => {
        const refused = { status: 429, body: { code: 'CONNECTION_LIMIT' } };
        const openOnes = await eventually('it is full', async () => {
            const socket = await dial(server.management);
            const res = await socket.write(get('/api/client/profile')).response();
            return res.status === refused.status && res;
        });
        assert.equal(openOnes.body.code, refused.body.code);
        for (const path of [...PROBES, ...PROBES]) {
            assert.equal(await probe(server, dial, path), 200, path);
        }
        assert.equal(await fill(server.api, dial, 50), 50, 'the chat API is not concerned');
    });
});

test('who is over the limit of the management API and says nothing makes room soon', async () => {
    await withServer({ openFiles: { soft: 64, hard: 256 } }, async (server, dial) => {
        for (let i = 0; i < 300; i++) { // silent ones, over the limit as well
            await dial(server.management);
        }
        for (const path of PROBES) {
            assert.equal(await eventually('a probe', () => probe(server, dial, path).catch(() => undefined)), 200);
        }
    });
});
