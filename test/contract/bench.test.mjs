// whispd bench, small: each scenario measures a server of its own and finds every message delivered
// once and in order; and it measures other servers, through their API or their store.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
    eventually, newKey, run, startServer, whispd, within,
} from './harness.mjs';

const place = mkdtempSync(join(tmpdir(), 'whisp-bench-'));
after(() => rmSync(place, { recursive: true, force: true }));

const temporary = join(place, 'temporary');
mkdirSync(temporary);

/** Runs whispd bench; resolves with its JSON. */
async function bench(...args) {
    const at = args.indexOf('--');
    const own = at < 0 ? args : args.slice(0, at);
    const rest = at < 0 ? [] : args.slice(at);
    const { code, stdout, stderr } = await run(['bench', ...own, '--json', '-', ...rest],
                                               { TMPDIR: temporary });
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`^${args[0]}$`, 'm'), 'a table');
    const result = JSON.parse(stdout);
    assert.equal(result.scenario, args[0]);
    assert.deepEqual(result.failed, []);
    return result;
}

/** Nothing went wrong, and so many deliveries were seen. */
function expectClean(result, deliveries) {
    for (const name of ['lost', 'doubled', 'reordered', 'holes', 'strange']) {
        assert.equal(result[name], 0, name);
    }
    assert.equal(result.deliveries, deliveries ?? result.deliveries);
    assert.ok(result.deliveries > 0);
}

function expectTimes(result, name) {
    const times = ['P50', 'P99', 'P999', 'Max'].map((suffix) => result[name + suffix]);
    assert.ok(times[0] > 0, name);
    assert.deepEqual(times, [...times].sort((a, b) => a - b), name);
}

test('fanout: a server of its own, which leaves nothing behind', async () => {
    const result = await bench('fanout', '--members', '10', '--messages', '20', '--rounds', '2');
    expectClean(result, 10 * 20 * 3); // a round to warm up
    assert.equal(result.rounds.length, 2);
    for (const round of result.rounds) {
        ['receipt', 'delivery', 'last'].forEach((name) => expectTimes(round, name));
        assert.ok(round.cpuPerDelivery > 0);
        assert.ok(round.deliveriesPerSecond > 0);
    }
    assert.deepEqual(readdirSync(temporary), []);
});

test('fanout: with several messages open, to members of whom most are not online', async () => {
    expectClean(await bench('fanout', '--members', '50', '--online', '10', '--window', '16',
                            '--messages', '40', '--rounds', '1'), 10 * 40 * 2);
});

test('chats', async () => {
    const result = await bench('chats', '--chats', '5', '--members', '2', '--seconds', '1');
    expectClean(result);
    expectTimes(result, 'delivery');
    assert.ok(result.commits > 0);
});

test('chats at a rate', async () => {
    const result = await bench('chats', '--chats', '5', '--members', '2', '--seconds', '1', '--rate', '50');
    expectClean(result);
    assert.ok(result.messages >= 50 && result.messages <= 110, `${result.messages} in two seconds`); // one warms up
});

test('idle: memory of a session', async () => {
    const result = await bench('idle', '--members', '40', '--seconds', '1');
    assert.equal(result.sessions, 40);
    assert.equal(typeof result.bytesPerSession, 'number');
    assert.ok(result.residentAll >= result.residentEmpty && result.residentEmpty > 0);
});

test('storm: all come back and miss nothing', async () => {
    const result = await bench('storm', '--chats', '3', '--members', '4', '--rate', '100',
                               '--seconds', '1');
    expectClean(result);
    const [round] = result.rounds;
    assert.ok(round.allResumedIn >= 990, 'they are cut within a second');
    assert.ok(round.residentPeak >= round.residentBefore);
    expectTimes(round, 'delivery');
    expectTimes(round, 'replayed');
});

test('stalled: the one who does not read is closed with 1013', async () => {
    const result = await bench('stalled', '--members', '10', '--messages', '100',
                               '--', '--session-output', '64k');
    expectClean(result);
    assert.equal(result.closedWith, 1013);
    expectTimes(result, 'withIt');
    expectTimes(result, 'withoutIt');
    assert.ok(result.ratioP99 > 0);
});

test('history', async () => {
    const result = await bench('history', '--messages', '2000', '--window', '20', '--rounds', '1');
    assert.equal(result.messages, 2000);
    ['shortNewest', 'shortMiddle', 'longNewest', 'longMiddle'].forEach((name) => {
        expectTimes(result.rounds[0], name);
    });
});

test('signin', async () => {
    const result = await bench('signin', '--members', '10', '--window', '4', '--seconds', '1');
    assert.ok(result.signins >= 4);
    expectTimes(result, 'signin');
});

test('another server is filled through its API', async () => {
    const server = await startServer();
    try {
        const { token } = await newKey(server);
        const result = await bench('fanout', '--url', server.api, '--api-key', token,
                                   '--members', '10', '--messages', '10', '--rounds', '1');
        expectClean(result, 10 * 10 * 2);
        assert.equal(result.rounds[0].cpuPerDelivery, undefined); // its process is not known
    } finally {
        await server.stop();
    }
});

test('another server whose store --seed has filled', async () => {
    const dataDir = join(place, 'seeded');
    const { code, stderr } = await run(['bench', 'chats', '--chats', '4', '--data', dataDir, '--seed']);
    assert.equal(code, 0, stderr);
    assert.ok(existsSync(join(dataDir, 'bench.txt')));
    const server = await startServer({ dataDir, args: ['--message-rate', 'off'] });
    try {
        const result = await bench('chats', '--url', server.api, '--data', dataDir,
                                   '--pid', String(server.pid), '--seconds', '1');
        expectClean(result);
        assert.equal(result.chats, 4);
        assert.ok(result.cpuPerMessage > 0);
    } finally {
        await server.stop();
    }
});

test('the JSON goes to a file, the table then to standard output', async () => {
    const json = join(place, 'result.json');
    const { code, stdout, stderr } = await run(['bench', 'chats', '--chats', '2', '--seconds', '1',
                                                '--json', json]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^chats$[^]*lost +0/m);
    expectClean(JSON.parse(readFileSync(json, 'utf8')));
});

test('interrupted, it ends its server and leaves nothing behind', async () => {
    const child = spawn(whispd, ['bench', 'idle', '--members', '20'], {
        env: { ...process.env, TMPDIR: temporary }, stdio: 'ignore',
    });
    try {
        const ended = new Promise((done) => child.on('close', done));
        const pid = await eventually('its server runs on a filled store', () => {
            const [directory] = readdirSync(temporary);
            const at = (name) => join(temporary, directory ?? '', name);
            return existsSync(at('bench.txt')) && existsSync(at('bench.log')) &&
                Number(/"event":"ready".*"pid":(\d+)/.exec(readFileSync(at('bench.log'), 'utf8'))?.[1]);
        });
        child.kill('SIGINT');
        assert.equal(await within(10_000, () => 'it did not end', ended), 128 + 2);
        assert.deepEqual(readdirSync(temporary), []);
        assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    } finally {
        child.kill('SIGKILL');
    }
});

test('--help lists scenarios and options; what makes no sense is refused', async () => {
    const help = await run(['bench', '--help']);
    assert.equal(help.code, 0);
    for (const word of ['fanout', 'stalled', 'chats', 'idle', 'storm', 'history', 'signin',
                        '--api-key', '--seed', '--json']) {
        assert.ok(help.stdout.includes(word), word);
    }
    const refused = [
        [['nothing'], 2], [[], 2], [['fanout', '--nothing'], 1], [['fanout', '--members', 'x'], 1],
        [['fanout', '--members', '1'], 1], [['fanout', '--url', 'http://127.0.0.1:1'], 1],
        [['fanout', '--seed'], 1], [['fanout', '--members', '5', '--online', '6'], 1],
    ];
    for (const [args, status] of refused) {
        const { code, stderr } = await run(['bench', ...args], { TMPDIR: temporary });
        assert.equal(code, status, `${args}: ${stderr}`);
        assert.notEqual(stderr, '');
    }
    assert.deepEqual(readdirSync(temporary), []);
});
