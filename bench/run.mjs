// bench/run [NAME…]: the figures of docs/performance.md, all of them or those named. Each comes from
// runs of `whispd bench`, on servers and data directories of their own; this adds what they are held
// against, and prints a table: the median of the runs and, in brackets, the least and the greatest;
// then the same as a line of JSON. Exits with 1 when a target is missed.
//
//     bench/run                 all
//     bench/run send fanout     some
//     RUNS=5 bench/run send     more runs than the usual 3
//     WHISPD=… BENCH=…          another program, other floors than those in build/release
//     QUIET=0                   do not wait for a moment when nobody else uses the machine

import { join } from 'node:path';
import {
    CLIENT_CPU, SERVER_CPU, asked, bench, each, floors, machine, noise, quiet, results, runs, shown, spread,
    withDirectory,
} from './programs.mjs';

const rows = [];

/** One line of the table; a target is {most} or {least}. */
function figure(name, values, unit, target) {
    const s = spread(values);
    const met = !target || (target.most !== undefined ? s.median <= target.most : s.median >= target.least);
    const wanted = !target ? '' : target.most !== undefined ? `at most ${target.most}` : `at least ${target.least}`;
    rows.push({ name, ...s, unit, runs: values.length, wanted, met });
    console.log(`  ${name.padEnd(58)} ${shown(s).padStart(28)} ${unit.padEnd(6)} ${wanted}${met ? '' : '  MISSED'}`);
}

/** What one of the floors says, alone on the machine. */
async function floor(cpu, name, ...args) {
    await quiet();
    return results(cpu, join(floors, name), ...args);
}

/** What the server makes of sends, and what the store alone makes of them at the same batch. */
async function send() {
    const pairs = ['chats', '--chats', 64, '--members', 2];
    for (const open of [1, 16]) {
        const all = await each(runs, async () => {
            await quiet();
            const line = await bench(...pairs, '--window', open, '--seconds', 10);
            const batch = line.messages / line.commits;
            const [alone] = await withDirectory(async (data) => {
                await bench(...pairs, '--data', data, '--seed');
                return floor(undefined, 'floor_store', data, batch, 5);
            });
            return { ...line, batch, floor: alone.perSecond };
        });
        const of = (name, pick, unit, target) => figure(`${open} open: ${name}`, all.map(pick), unit, target);
        of('durable messages a second', (r) => r.messagesPerSecond, '/s');
        of('mean batch', (r) => r.batch, '');
        of('store alone at that batch', (r) => r.floor, '/s');
        of('ratio', (r) => r.messagesPerSecond / r.floor, '', { least: 0.5 });
        of('SEND to RECEIPT, median', (r) => r.receiptP50 / 1000, 'ms');
        of('SEND to RECEIPT, p99', (r) => r.receiptP99 / 1000, 'ms');
        of('SEND to RECEIPT and both deliveries, p99', (r) => r.lastP99 / 1000, 'ms');
        of('server CPU a message', (r) => r.cpuPerMessage, 'us');
    }
}

const together = ['--server-cpu', SERVER_CPU, '--client-cpu', SERVER_CPU];
const apart = ['--server-cpu', SERVER_CPU, '--client-cpu', CLIENT_CPU];
const oneLoop = ['--', '--threads', 1];

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
    const room = ['fanout', '--members', 1000, '--messages', 160];
    const middle = (values) => spread(values).median;
    const alone = async () => middle((await floor(SERVER_CPU, 'floor_send', 1000, 560, 3)).map((r) => r.cpuPerWrite));
    const one = [];
    const seen = await each(runs, async () => {
        let before = await alone();
        for (let i = 0; i < ROUNDS; i++) {
            const { rounds } = await bench(...room, '--window', 1, '--rounds', 1, ...together, ...oneLoop);
            const after = await alone();
            one.push({ ...rounds[0], floor: (before + after) / 2, calm: Math.max(before, after) <= CALM_SEND });
            before = after;
        }
        const apart1 = await bench(...room, '--window', 1, '--rounds', 4, ...apart, ...oneLoop);
        const apart16 = await bench(...room, '--window', 16, '--rounds', 4, ...apart, ...oneLoop);
        return { bytes: apart1.eventBytes, apart1: apart1.rounds, apart16: apart16.rounds };
    });
    const times = (lines, title) => {
        figure(`${title}: SEND to the last of 1,000, median`, lines.map((r) => r.lastP50 / 1000), 'ms');
        figure(`${title}: SEND to the last of 1,000, p99`, lines.map((r) => r.lastP99 / 1000), 'ms');
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
    const all = await each(runs, () => bench('idle', '--members', 10000, '--seconds', 60));
    figure('resident bytes a session, 9,000 more after 1,000', all.map((r) => r.bytesPerSession), 'bytes', { most: 3072 });
    figure('the same, 10,000 from none', all.map((r) => r.bytesPerSessionFromNone), 'bytes', { most: 3072 });
}

/** The same page of a short and of a long chat, in turns. */
async function pages() {
    await quiet();
    const { rounds } = await bench('history', '--messages', 1000000, '--rounds', Math.max(runs, 5));
    for (const [kind, name] of [['Newest', 'newest page'], ['Middle', 'page from the middle']]) {
        figure(`${name} of 1,000 messages, median`, rounds.map((r) => r[`short${kind}P50`]), 'us');
        figure(`${name} of 1,000,000 messages, median`, rounds.map((r) => r[`long${kind}P50`]), 'us');
        figure(`${name}: ratio`, rounds.map((r) => r[`long${kind}P50`] / r[`short${kind}P50`]), '', { most: 1.5 });
    }
}

/** 100 online members in a chat of 100 and in one of 100,000, in turns. */
async function members() {
    const room = (members) => ['fanout', '--members', members, '--online', 100, '--messages', 200];
    const all = await withDirectory((small) => withDirectory(async (large) => {
        await bench(...room(100), '--data', small, '--seed');
        await bench(...room(100000), '--data', large, '--seed');
        const one = async (members, data) => {
            await quiet();
            return (await bench(...room(members), '--data', data, ...together, '--rounds', 1, ...oneLoop)).rounds[0];
        };
        return each(runs * 5, async () => [await one(100, small), await one(100000, large)]);
    }));
    const both = (name, pick, unit) => {
        figure(`${name}, 100 members`, all.map(([small]) => pick(small)), unit);
        figure(`${name}, 100,000 members`, all.map(([, large]) => pick(large)), unit);
        figure(`${name}: ratio`, all.map(([small, large]) => pick(large) / pick(small)), '', { most: 1.5 });
    };
    both('server CPU a message to 100 online', (r) => r.cpuPerMessage, 'us');
    both('SEND to the last of 100 deliveries, median', (r) => r.lastP50, 'us');
}

/** 9,000 sessions in 900 chats, all cut within a second, while 200 messages a second flow. */
async function storm() {
    const all = await each(runs, async () => {
        await quiet();
        return (await bench('storm')).rounds[0];
    });
    figure('first cut to the last of 9,000 RESUMED', all.map((r) => r.allResumedIn / 1000), 's');
    figure('a delivery before, p99', all.map((r) => r.beforeP99 / 1000), 'ms');
    figure('a delivery meanwhile, to those who are connected, p99', all.map((r) => r.deliveryP99 / 1000), 'ms');
    for (const when of ['Before', 'Peak', 'After']) {
        figure(`resident, ${when.toLowerCase()}`, all.map((r) => r[`resident${when}`] / 1024), 'MiB');
    }
}

/** One of 1,000 does not read. */
async function stalled() {
    const all = await each(runs, async () => {
        await quiet();
        return bench('stalled', ...apart);
    });
    figure('a delivery to 999 without it, p99', all.map((r) => r.withoutItP99 / 1000), 'ms');
    figure('a delivery to 999 besides one who does not read, p99', all.map((r) => r.withItP99 / 1000), 'ms');
    figure('ratio', all.map((r) => r.ratioP99), '', { most: 2 });
}

const figures = { send, fanout, idle, pages, members, storm, stalled };

const wanted = asked('bench/run', figures);
console.log('Median (least to greatest) of the runs.');
for (const name of wanted) {
    const begin = Date.now();
    console.log(name);
    rows.length = noise.length = 0;
    await figures[name]();
    const others = Math.max(0, ...noise);
    if (others > 0.1) {
        console.log(`  not quiet: others used up to ${Math.round(others * 100)} % of the machine`);
    }
    console.log(JSON.stringify({ name, others, seconds: Math.round((Date.now() - begin) / 1000), machine, figures: rows }));
    if (rows.some(({ met }) => !met)) {
        process.exitCode = 1;
    }
}
