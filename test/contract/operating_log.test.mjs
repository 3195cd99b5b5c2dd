// The log as an operator meets it when its reader is slow, when it breaks off, and when clients
// try to write into it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
    api, createChat, createTenant, eventually, expectStatus, manage, startServer, unique,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const LINE_MAX = 8192;
const LONG = `/${'x'.repeat(7_500)}`;
const TOO_LONG = `/${'y'.repeat(12_000)}`;
const FLOOD = 400; // requests for LONG: their lines are three times what is queued

/** Starts a server of its own for the body, and stops it. */
async function withServer(options, body) {
    const own = await startServer(options);
    try {
        await body(own);
    } finally {
        own.resumeLog();
        await own.stop();
    }
}

/** Makes the server write more than it queues; none of the requests waits for the log. */
async function flood(own) {
    for (let i = 0; i < FLOOD; i++) {
        expectStatus(await (i % 2 ? api : manage)(own, 'GET', LONG), 404);
    }
}

test('a reader of the log that stalls holds up no client; what was dropped is counted', async () => {
    await withServer(undefined, async (own) => {
        const { users: [ann, bob] } = await createTenant(own, 'ann', 'bob');
        own.pauseLog();
        await flood(own);
        const chat = await createChat(ann, bob);
        const session = await connect(own, bob);
        await session.post(chat.chatId, 'hello');
        await session.close();
        own.resumeLog();
        const { lines, level } = await own.logged((line) => line.event === 'log lines dropped');
        assert.equal(level, 'warn');
        const seen = own.logLines().filter((line) => line.path?.startsWith('/xxx')).length;
        assert.ok(seen > 20, `only ${seen} lines were kept`);
        assert.ok(lines >= FLOOD - seen, `${seen} lines and ${lines} dropped are not ${FLOOD}`);
        const id = unique('afterwards');
        await api(own, 'GET', '/nowhere', undefined, { 'x-request-id': id });
        await own.logged((line) => line.id === id);
        assert.ok(!own.logLines().some((line) => line.unreadable));
    });
});

test('a reader of the log that stalls does not hold up SIGTERM', async () => {
    await withServer(undefined, async (own) => {
        own.pauseLog();
        await flood(own);
        own.signal('SIGTERM');
        const { pid } = own;
        await eventually('the process is gone', () => {
            try {
                return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].startsWith('Z');
            } catch {
                return true;
            }
        }, 20_000);
        own.resumeLog();
        assert.equal((await own.exited()).code, 0);
    });
});

test('at the end everything that was logged is written, in order', async () => {
    await withServer(undefined, async (own) => {
        const ids = Array.from({ length: 200 }, () => unique('request'));
        for (const id of ids) {
            await api(own, 'GET', '/nowhere', undefined, { 'x-request-id': id });
        }
        await own.terminate();
        const lines = own.logLines();
        assert.deepEqual(lines.filter((line) => ids.includes(line.id)).map((line) => line.id), ids);
        assert.equal(lines.at(-1).event, 'stopped');
    });
});

test('a line longer than 8 KiB is cut, and its later fields are kept', async () => {
    await withServer(undefined, async (own) => {
        const id = unique('long');
        await api(own, 'GET', TOO_LONG, undefined, { 'x-request-id': id });
        const line = await own.logged((each) => each.id === id);
        assert.equal(line.cut, true);
        assert.equal(line.status, 404);
        assert.ok(TOO_LONG.startsWith(line.path) && line.path.length > 7000, line.path);
        const raw = own.log().split('\n').find((each) => each.includes(id));
        assert.ok(Buffer.byteLength(raw) < LINE_MAX, `${raw.length}`);
    });
});

test('no control character of a client is in the log as it is', async () => {
    await withServer(undefined, async (own) => {
        const id = unique('controls');
        const path = '/%C2%9B31m%C2%85%E2%80%A8%E2%80%AE';
        await api(own, 'GET', path, undefined, { 'x-request-id': id });
        const line = await own.logged((each) => each.id === id);
        const raw = own.log().split('\n').find((each) => each.includes(id));
        assert.doesNotMatch(raw, /[\0-\x1f\x7f-\x9f\u2028-\u202e]/u);
        assert.equal(line.path, decodeURIComponent(path));
    });
});
