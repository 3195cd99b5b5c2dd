// bench/run [NAME…]: the figures of docs/performance.md, all of them or those named. Each starts a
// server of its own on a data directory of its own, which bench/seed has filled, puts bench/load on
// it, and prints a table: the median of the runs and, in brackets, the least and the greatest; then
// the same as a line of JSON. Exits with 1 when a target is missed.
//
//     bench/run                 all
//     bench/run send fanout     some
//     RUNS=5 bench/run send     more runs than the usual 3
//     WHISPD=… BENCH=…          another server, other programs than those in build/release

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const whispd = resolve(process.env.WHISPD ?? 'build/release/whispd');
const programs = resolve(process.env.BENCH ?? 'build/release/bench');
const runs = Number(process.env.RUNS ?? 3);
const scratch = resolve('build/bench-data'); // on the disk, unlike /tmp on many machines

const SERVER_CPU = '0';
const CLIENT_CPU = String(Math.min(1, os.availableParallelism() - 1));

// ---------------------------------------------------------------- the programs

const alive = new Set();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => process.exit(1)); // and so the above
}

const pinned = (cpu, program, args) => (cpu ? ['taskset', ['-c', cpu, program, ...args]] : [program, args]);

/** Jiffies of all cores since the start: [idle, all]. */
function jiffies() {
    const all = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/ +/).slice(1, 9).map(Number);
    return [all[3], all.reduce((a, b) => a + b)];
}

const noise = [];

/** Waits for a moment when nobody else uses the machine, a minute at most; notes how it was. */
async function quiet() {
    for (let i = 0; i < 60; i++) {
        const [idle, all] = jiffies();
        await new Promise((done) => setTimeout(done, 1000));
        const now = jiffies();
        const used = 1 - (now[0] - idle) / (now[1] - all);
        if (used < 0.04 || i === 59) {
            noise.push(used);
            return;
        }
    }
}

/** Runs a program to its end; resolves with the objects in its output, one a line. */
function results(cpu, name, ...args) {
    const [program, all] = pinned(cpu, join(programs, name), args.map(String));
    const child = spawn(program, all, { stdio: ['ignore', 'pipe', 'inherit'] });
    alive.add(child);
    return new Promise((done, fail) => {
        let out = '';
        child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
        child.on('error', fail);
        child.on('close', (code) => {
            alive.delete(child);
            const lines = out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
            return code === 0 ? done(lines) : fail(new Error(`${name} ${args.join(' ')} failed: ${out}`));
        });
    });
}

/** A server that serves `data`: {port, pid, stop()}; stop resolves with its last log line. */
async function serve(data, { cpu, threads }) {
    const [program, args] = pinned(cpu, whispd, [
        '--data', data, '--listen', '127.0.0.1:0', '--management-listen', '127.0.0.1:0',
        '--log-format', 'json', '--hash-cost', '1m/1', '--drain-spread', '0s',
        '--message-rate', 'off', '--request-rate', 'off',
        ...(threads ? ['--threads', String(threads)] : []),
    ]);
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    alive.add(child);
    const log = [];
    let ready;
    const exited = new Promise((done) => child.on('close', done));
    const started = new Promise((done) => (ready = done));
    createInterface({ input: child.stderr }).on('line', (line) => {
        const entry = line.startsWith('{') ? JSON.parse(line) : { event: line };
        log.push(entry);
        if (log.length > 100) {
            log.shift();
        }
        if (entry.event === 'ready') {
            ready(entry);
        }
    });
    const first = await Promise.race([started, exited]);
    if (!first?.api) {
        throw new Error(`whispd did not start: ${JSON.stringify(log)}`);
    }
    const stop = async () => {
        child.kill('SIGTERM');
        await exited;
        alive.delete(child);
        return log.findLast(({ event }) => event === 'stopped') ?? {};
    };
    return { port: new URL(first.api).port, pid: child.pid, stop };
}

/** A data directory with that many users and those chats (see bench/seed.c), gone after `use`. */
async function withStore(users, chats, use) {
    mkdirSync(scratch, { recursive: true });
    const data = mkdtempSync(join(scratch, 'store-'));
    try {
        await (await serve(data, {})).stop(); // makes the keys and the schema
        await results(undefined, 'seed', data, users, ...chats);
        return await use(data);
    } finally {
        rmSync(data, { recursive: true });
    }
}

/** What one of the floors says, alone on the machine. */
async function alone(cpu, name, ...args) {
    await quiet();
    return results(cpu, name, ...args);
}

/** What bench/load says in a mode, against a server on `data`, and the server's last words. */
async function measured(data, where, ...mode) {
    await quiet();
    const server = await serve(data, where);
    const lines = await results(where.client, 'load', data, server.port, server.pid, ...mode);
    return { lines, last: await server.stop() };
}

// ---------------------------------------------------------------- the figures

function spread(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return { median: sorted[Math.floor(sorted.length / 2)], least: sorted[0], greatest: sorted.at(-1) };
}

const rounded = (n) => (n >= 1000 ? String(Math.round(n)) : n.toPrecision(3));
const shown = ({ median, least, greatest }) => `${rounded(median)} (${rounded(least)} to ${rounded(greatest)})`;

const rows = [];

/** One line of the table; a target is {most} or {least}. */
function figure(name, values, unit, target) {
    const s = spread(values);
    const met = !target || (target.most !== undefined ? s.median <= target.most : s.median >= target.least);
    const wanted = !target ? '' : target.most !== undefined ? `at most ${target.most}` : `at least ${target.least}`;
    rows.push({ name, ...s, unit, runs: values.length, wanted, met });
    console.log(`  ${name.padEnd(58)} ${shown(s).padStart(28)} ${unit.padEnd(6)} ${wanted}${met ? '' : '  MISSED'}`);
}

const each = async (n, make) => {
    const made = [];
    for (let i = 0; i < n; i++) {
        made.push(await make(i));
    }
    return made;
};

/** What the server makes of sends, and what the store alone makes of them at the same batch. */
async function send() {
    const pairs = ['64:2:2:0'];
    for (const open of [1, 16]) {
        const all = await each(runs, async () => {
            const { line, batch } = await withStore(128, pairs, async (data) => {
                const { lines, last } = await measured(data, {}, 'send', open, 10);
                return { line: lines[0], batch: lines.at(-1).sent / last.commits };
            });
            const [floor] = await withStore(128, pairs, (data) => alone(undefined, 'floor_store', data, batch, 5));
            return { ...line, batch, floor: floor.perSecond };
        });
        const of = (name, pick, unit, target) => figure(`${open} open: ${name}`, all.map(pick), unit, target);
        of('durable messages a second', (r) => r.perSecond, '/s');
        of('mean batch', (r) => r.batch, '');
        of('store alone at that batch', (r) => r.floor, '/s');
        of('ratio', (r) => r.perSecond / r.floor, '', { least: 0.5 });
        of('SEND to RECEIPT, median', (r) => r.receiptMicros.p50 / 1000, 'ms');
        of('SEND to RECEIPT, p99', (r) => r.receiptMicros.p99 / 1000, 'ms');
        of('SEND to RECEIPT and both deliveries, p99', (r) => r.deliveredMicros.p99 / 1000, 'ms');
        of('server CPU a message', (r) => r.cpuPerMessage, 'us');
    }
}

const together = { cpu: SERVER_CPU, threads: 1, client: SERVER_CPU };
const apart = { cpu: SERVER_CPU, threads: 1, client: CLIENT_CPU };

/** What send(2) alone costs on this machine when no neighbour slows it down, at most; us. */
const CALM_SEND = 3.2;

/**
 * One chat, 1,000 members, all online. With 1 open, server and clients share a core, so that the
 * server is not charged for waking another core, which peers on other machines would not ask of it
 * either. Each of its rounds is between two of the kernel's part alone, on the same core: a shared
 * machine is at times half as fast as at others, and only neighbours in time can be compared. The
 * same with a core each is shown besides. With 16 open each has a core, or the clients would slow
 * down what they ask for.
 */
async function fanout() {
    const ROUNDS = 6;
    const middle = (values) => spread(values).median;
    const floor = async () => middle((await alone(SERVER_CPU, 'floor_send', 1000, 560, 3)).map((r) => r.cpuPerWrite));
    const one = [];
    const seen = await each(runs, () => withStore(1000, ['1:1000:0:0'], async (data) => {
        let before = await floor();
        for (let i = 0; i < ROUNDS; i++) {
            const { lines } = await measured(data, together, 'fanout', 1000, 1, 160, 1);
            const after = await floor();
            one.push({ ...lines[0], floor: (before + after) / 2, calm: Math.max(before, after) <= CALM_SEND });
            before = after;
        }
        const apart1 = (await measured(data, apart, 'fanout', 1000, 1, 160, 4)).lines;
        const apart16 = (await measured(data, apart, 'fanout', 1000, 16, 160, 4)).lines;
        return { bytes: apart1.at(-1).eventBytes, apart1: apart1.slice(0, -1), apart16: apart16.slice(0, -1) };
    }));
    const times = (lines, title) => {
        figure(`${title}: SEND to the last of 1,000, median`, lines.map((r) => r.deliveredMicros.p50 / 1000), 'ms');
        figure(`${title}: SEND to the last of 1,000, p99`, lines.map((r) => r.deliveredMicros.p99 / 1000), 'ms');
    };
    figure('1 open: server CPU a delivery', one.map((r) => r.cpuPerDelivery), 'us');
    figure("the kernel's send alone, 560 bytes, around it", one.map((r) => r.floor), 'us');
    figure('1 open: ratio', one.map((r) => r.cpuPerDelivery / r.floor), '');
    const calm = one.filter((r) => r.calm);
    if (calm.length > 0) {
        figure('1 open, calm: server CPU a delivery', calm.map((r) => r.cpuPerDelivery), 'us', { most: 4 });
        figure("the kernel's send alone, calm", calm.map((r) => r.floor), 'us');
    } else {
        console.log(`  never calm: the kernel's send alone took over ${CALM_SEND} us around every round`);
    }
    times(one, '1 open');
    for (const [key, title] of [['apart1', '1 open, a core each'], ['apart16', '16 open, a core each']]) {
        const lines = seen.flatMap((run) => run[key]);
        figure(`${title}: server CPU a delivery`, lines.map((r) => r.cpuPerDelivery), 'us');
        times(lines, title);
    }
    figure('bytes of an event', seen.map(({ bytes }) => bytes), 'bytes');
}

/** 9,000 sessions more, each of a user with 10 chats. */
async function idle() {
    const all = await each(runs, () => withStore(10000, ['10000:10:1:0'], async (data) => {
        return (await measured(data, {}, 'idle', 60, 1000, 10000)).lines[0];
    }));
    figure('resident bytes a session, 9,000 more after 1,000', all.map((r) => r.bytesPerSession), 'bytes', { most: 3072 });
    figure('the same, 10,000 from none', all.map((r) => r.bytesPerSessionFromNone), 'bytes', { most: 3072 });
}

/** The same page of a short and of a long chat, in turns. */
async function pages() {
    const lines = await withStore(2, ['1:2:0:1000', '1:2:0:1000000'], async (data) => {
        return (await measured(data, {}, 'pages', 500, Math.max(runs, 5))).lines;
    });
    const [short, long] = [0, 1].map((chat) => lines.filter((line) => line.chat === chat));
    for (const [kind, name] of [['newestMicros', 'newest page'], ['middleMicros', 'page from the middle']]) {
        figure(`${name} of 1,000 messages, median`, short.map((r) => r[kind].p50), 'us');
        figure(`${name} of 1,000,000 messages, median`, long.map((r) => r[kind].p50), 'us');
        figure(`${name}: ratio`, long.map((r, i) => r[kind].p50 / short[i][kind].p50), '', { most: 1.5 });
    }
}

/** 100 online members in a chat of 100 and in one of 10,000, in turns. */
async function members() {
    const all = await each(runs, () => withStore(10000, ['1:100:0:0', '1:10000:0:0'], async (data) => {
        return (await measured(data, together, 'fanout', 100, 1, 200, 10)).lines.slice(0, -1);
    }));
    const [small, large] = [0, 1].map((chat) => all.flat().filter((line) => line.chat === chat));
    const both = (name, pick, unit) => {
        figure(`${name}, 100 members`, small.map(pick), unit);
        figure(`${name}, 10,000 members`, large.map(pick), unit);
        figure(`${name}: ratio`, large.map((r, i) => pick(r) / pick(small[i])), '', { most: 1.5 });
    };
    both('server CPU a message to 100 online', (r) => r.cpuPerMessage, 'us');
    both('SEND to the last of 100 deliveries, median', (r) => r.deliveredMicros.p50, 'us');
}

const figures = { send, fanout, idle, pages, members };

// ---------------------------------------------------------------- all of it

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(figures);
const unknown = wanted.find((name) => !figures[name]);
if (unknown) {
    console.error(`bench/run: there is no ${unknown}; ${Object.keys(figures).join(', ')}`);
    process.exit(2);
}

const commit = (() => {
    try {
        return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
    } catch {
        return 'unknown';
    }
})();
const machine = {
    cpus: `${os.cpus().length} x ${os.cpus()[0]?.model}`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    kernel: `${os.type()} ${os.release()}`,
    commit,
};
console.log(Object.entries(machine).map(([name, value]) => `${name}: ${value}`).join(', '));
console.log('Median (least to greatest) of the runs.');
for (const name of wanted) {
    const begin = Date.now();
    console.log(name);
    rows.length = noise.length = 0;
    await figures[name]();
    const others = Math.max(...noise);
    if (others > 0.1) {
        console.log(`  not quiet: others used up to ${Math.round(others * 100)} % of the machine`);
    }
    console.log(JSON.stringify({ name, others, seconds: Math.round((Date.now() - begin) / 1000), machine, figures: rows }));
    if (rows.some(({ met }) => !met)) {
        process.exitCode = 1;
    }
}
