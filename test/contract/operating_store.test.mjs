// What belongs together and to one server only: the store, its keys and the process that serves it.

import assert from 'node:assert/strict';
import {
    cpSync, existsSync, linkSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync,
    truncateSync, unlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
    api, createTenant, expectError, expectStatus, manage, register, run, signIn, startServer,
} from './harness.mjs';

const place = mkdtempSync(join(tmpdir(), 'whisp-store-'));
after(() => rmSync(place, { recursive: true, force: true }));
const anyPort = ['--listen', '127.0.0.1:0', '--management-listen', '127.0.0.1:0'];

/** A start that must be refused with one line; returns the line. */
async function refused(...args) {
    const { code, stdout, stderr } = await run([...anyPort, ...args]);
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^[^\n]* error cannot start [^\n]+\n$/);
    return stderr;
}

/** A server that has been used, stopped; resolves with it. */
async function usedServer() {
    const own = await startServer();
    own.tenant = await createTenant(own, 'ann');
    await own.terminate();
    return own;
}

test('a second server on the same store is refused, whatever path leads there', async () => {
    const own = await startServer();
    try {
        const store = join(own.dataDir, 'whisp.db');
        const symbolic = join(place, 'symbolic.db');
        const hard = join(own.dataDir, 'hard.db');
        symlinkSync(store, symbolic);
        linkSync(store, hard);
        for (const [i, path] of [store, symbolic, hard].entries()) {
            const line = await refused('--data', join(place, `second-${i}`), '--store', `sqlite:${path}`);
            assert.match(line, /in use by another whispd; stop it, or choose another --store/);
            assert.ok(line.includes(path), line);
        }
        await register(own);
        // The lock is no hindrance to SQLite, nor left behind by a server that was killed.
        await own.kill9();
        await own.restart();
        await register(own);
    } finally {
        await own.stop();
    }
});

test('a store that lies elsewhere goes on after kill -9 at once', async () => {
    const store = join(place, 'elsewhere.db');
    const own = await startServer({ args: ['--store', `sqlite:${store}`] });
    try {
        const { app } = await createTenant(own, 'ann');
        await own.kill9();
        await own.restart();
        await signIn(app, 'ann');
        assert.ok(!existsSync(join(own.dataDir, 'whisp.db')));
        assert.equal(statSync(store).mode & 0o077, 0);
    } finally {
        await own.stop();
    }
});

test('keys that are lost beside a store are not made anew unless the operator says so', async () => {
    const own = await usedServer();
    try {
        const keys = join(own.dataDir, 'keys');
        renameSync(keys, `${keys}.lost`);
        let line = await refused('--data', own.dataDir);
        assert.match(line, /keys\/.*missing.*put keys\/ back from a backup, or start with --missing-keys make/);
        assert.ok(!existsSync(join(keys, 'management.pem')));

        cpSync(`${keys}.lost`, keys, { recursive: true });
        unlinkSync(join(keys, 'users.key'));
        line = await refused('--data', own.dataDir);
        assert.match(line, /users\.key: missing/);

        cpSync(`${keys}.lost`, keys, { recursive: true });
        await own.restart();
        expectStatus(await api(own.tenant.users[0], 'GET', '/api/user/getUser'), 200);
        await own.terminate();

        rmSync(keys, { recursive: true });
        const anew = await startServer({ dataDir: own.dataDir, args: ['--missing-keys', 'make'] });
        expectError(await api({ ...own.tenant.users[0], server: anew }, 'GET', '/api/user/getUser'),
                    401, 'AUTH_INVALID_TOKEN');
        await anew.terminate();
    } finally {
        await own.stop();
    }
});

test('a database that is gone or empty beside keys does not begin as a new server', async () => {
    const own = await usedServer();
    try {
        const store = join(own.dataDir, 'whisp.db');
        renameSync(store, `${store}.lost`);
        assert.match(await refused('--data', own.dataDir),
                     /is empty, but .*keys.*put the database back from a backup, or move keys\/ away/);
        writeFileSync(store, '');
        assert.match(await refused('--data', own.dataDir), /is empty, but/);
        cpSync(`${store}.lost`, store);
        truncateSync(store, 0);
        assert.match(await refused('--data', own.dataDir), /is empty, but/);

        renameSync(`${store}.lost`, store);
        await own.restart();
        expectStatus(await manage(own.tenant.account, 'GET', '/api/client/profile'), 200);
        await own.terminate();

        rmSync(store);
        rmSync(join(own.dataDir, 'keys'), { recursive: true });
        const anew = await startServer({ dataDir: own.dataDir });
        await register(anew);
        await anew.terminate();
    } finally {
        await own.stop();
    }
});

test('a first start that was cut after any of its steps can be repeated', async () => {
    const taken = await startServer();
    const dataDir = join(place, 'cut');
    try {
        // The store and the keys are made before the port is found to be taken.
        const { host } = new URL(taken.api);
        const { code, stderr } = await run(['--data', dataDir, '--listen', host,
                                            '--management-listen', '127.0.0.1:0']);
        assert.equal(code, 1, stderr);
        rmSync(join(dataDir, 'keys'), { recursive: true }); // as if it had been cut before
        const own = await startServer({ dataDir });
        await register(own);
        await own.terminate();
    } finally {
        await taken.stop();
    }
});
