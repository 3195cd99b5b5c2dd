// bench/peers [NAME…]: whispd beside others that deliver messages, and beside a floor, a C server that
// does nothing else (bench/floor.c). All in turns, run by run; each server on one core, the generator
// (bench/peers_load.c), the same for all, on the other. whispd with an fsync before every delivery, the
// others without persistence. CPU is user and system time of all of a server's processes. Prints
// tables in Markdown, and all numbers as a line of JSON; a server that cannot be had is left out and
// named.
//
//     bench/peers                     all
//     bench/peers rooms curve         some
//     RUNS=5 SECONDS=5 bench/peers    that many runs of that many seconds, which is the usual

import { execFileSync } from 'node:child_process';
import {
    closeSync, existsSync, fdatasyncSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync,
    writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
    CLIENT_CPU, SERVER_CPU, asked, bench, each, floors, machine, quiet, results, shown, spread, start,
    whispd, withDirectory,
} from './programs.mjs';

const RUNS = Number(process.env.RUNS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 5);
const START_MS = 60_000;
const here = fileURLToPath(new URL('.', import.meta.url));

// ---------------------------------------------------------------- the servers

const missing = [];

function found(command) {
    try {
        return execFileSync('sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).trim();
    } catch {
        return undefined;
    }
}

async function freePort() {
    const server = createServer();
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address();
    await new Promise((done) => server.close(done));
    return port;
}

/** The process and all that it has started. */
function family(pid) {
    const parents = new Map();
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
        try {
            const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
            parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
        } catch {
            // it has ended meanwhile
        }
    }
    const all = [pid];
    for (let i = 0; i < all.length; i++) {
        parents.forEach((parent, child) => parent === all[i] && all.push(child));
    }
    return all;
}

/** Resolves with the first match in what the child says; rejects when it ends before. */
function said(child, pattern) {
    return new Promise((done, fail) => {
        let text = '';
        const timer = setTimeout(() => fail(new Error(`no ${pattern} but ${text}`)), START_MS);
        const look = (part) => {
            text += part;
            const match = pattern.exec(text);
            if (match) {
                clearTimeout(timer);
                done(match);
            }
        };
        child.stdout.setEncoding('utf8').on('data', look);
        child.stderr.setEncoding('utf8').on('data', look);
        child.on('error', fail);
        child.on('close', () => {
            clearTimeout(timer);
            fail(new Error(`ended: ${text}`));
        });
    });
}

async function ended(child) {
    if (child.exitCode !== null || child.signalCode !== null) {
        return;
    }
    const gone = new Promise((done) => child.on('close', done));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(timer);
}

const run = (program, args, options = {}) => start(SERVER_CPU, program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });

/** Each resolves with {child, url, also: further children, data}; `where` is a directory of its own. */
const servers = {
    async floor() {
        const child = run(join(floors, 'floor'), [560]);
        const [, port] = await said(child, /"port":(\d+)/);
        return { child, url: `http://127.0.0.1:${port}` };
    },

    async whispd(where, { rooms, members }) {
        await bench('chats', '--chats', rooms, '--members', members, '--data', where, '--seed');
        const child = run(whispd, [
            '--data', where, '--listen', '127.0.0.1:0', '--management-listen', '127.0.0.1:0', '--threads', 1,
            '--message-rate', 'off', '--request-rate', 'off', '--drain-spread', '0s', '--log-format', 'json',
        ]);
        const [, url] = await said(child, /"event":"ready","api":"([^"]+)"/);
        return { child, url, data: where };
    },

    async rabbitmq(where) {
        const [port, distribution, names] = [await freePort(), await freePort(), await freePort()];
        writeFileSync(join(where, 'plugins'), '[rabbitmq_web_stomp].\n');
        writeFileSync(join(where, 'rabbitmq.conf'), [
            'listeners.tcp = none', 'stomp.listeners.tcp = none',
            'web_stomp.tcp.ip = 127.0.0.1', `web_stomp.tcp.port = ${port}`, 'log.console = true', '',
        ].join('\n'));
        const env = {
            ...process.env, HOME: where, ERL_EPMD_PORT: String(names), ERL_EPMD_ADDRESS: '127.0.0.1',
            RABBITMQ_NODENAME: 'bench@localhost', RABBITMQ_DIST_PORT: String(distribution),
            RABBITMQ_MNESIA_BASE: where, RABBITMQ_LOG_BASE: where, RABBITMQ_LOGS: '-',
            RABBITMQ_CONFIG_FILE: join(where, 'rabbitmq.conf'), RABBITMQ_CONF_ENV_FILE: '/dev/null',
            RABBITMQ_ENABLED_PLUGINS_FILE: join(where, 'plugins'), RABBITMQ_PID_FILE: join(where, 'pid'),
        };
        const epmd = start(CLIENT_CPU, 'epmd', ['-port', names, '-address', '127.0.0.1'], { stdio: 'ignore', env });
        const child = run('/usr/lib/rabbitmq/bin/rabbitmq-server', [], { env });
        await said(child, /Server startup complete|completed with \d+ plugins/);
        return { child, url: `http://127.0.0.1:${port}`, also: [epmd] };
    },

    async nats(where) {
        const port = await freePort();
        const config = join(where, 'nats.conf');
        writeFileSync(config, 'listen: "127.0.0.1:-1"\nping_interval: "10m"\n' +
            `websocket { listen: "127.0.0.1:${port}", no_tls: true }\n`);
        const child = run(found('nats-server') ?? '/usr/sbin/nats-server', ['-c', config]);
        await said(child, /Server is ready/);
        return { child, url: `http://127.0.0.1:${port}` };
    },

    async socketio() {
        const port = await freePort();
        const child = run(process.execPath, [join(here, 'socketio_server.mjs'), port]);
        await said(child, /listening/);
        return { child, url: `http://127.0.0.1:${port}` };
    },
};

const there = {
    rabbitmq: () => existsSync('/usr/lib/rabbitmq/bin/rabbitmq-server') && existsSync('/usr/bin/epmd'),
    nats: () => found('nats-server') || existsSync('/usr/sbin/nats-server'),
    socketio: () => existsSync(join(here, 'node_modules/socket.io')),
};

/** One run of one server; undefined when it cannot be had. */
async function measured(name, shape) {
    return withDirectory(async (where) => {
        mkdirSync(where, { recursive: true });
        const { child, url, also = [], data } = await servers[name](where, shape);
        try {
            await quiet(Number(process.env.QUIET ?? 5));
            const [line] = await results(CLIENT_CPU, join(floors, 'peers_load'), name, url, shape.rooms,
                                         shape.members, shape.window, SECONDS, family(child.pid).join(','),
                                         ...(data ? [data] : []));
            return line;
        } finally {
            await ended(child);
            await Promise.all(also.map(ended));
        }
    });
}

// ---------------------------------------------------------------- tables

const all = [];

function table(title, columns, lines) {
    console.log(`\n${title}\n\n| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|`);
    lines.forEach((line) => console.log(`| ${line.join(' | ')} |`));
}

const of = (lines, pick) => shown(spread(lines.map(pick)));
const middle = (lines, pick) => spread(lines.map(pick)).median;

/** Median of a ratio taken within each run. */
const ratio = (a, b, pick) => spread(a.map((line, i) => pick(line) / pick(b[i])).filter(Number.isFinite)).median;

/** The disk's part in whispd's delivery: a small fdatasync, microseconds, median. */
async function flushTime() {
    return withDirectory((where) => {
        const fd = openSync(join(where, 'file'), 'w');
        const times = Array.from({ length: 200 }, () => {
            const begin = process.hrtime.bigint();
            writeSync(fd, Buffer.alloc(4096));
            fdatasyncSync(fd);
            return Number(process.hrtime.bigint() - begin) / 1000;
        });
        closeSync(fd);
        return spread(times).median;
    });
}

/** Every server in turn, RUNS times: lines by name. */
async function inTurns(shape) {
    const names = Object.keys(servers).filter((name) => !missing.includes(name));
    const lines = Object.fromEntries(names.map((name) => [name, []]));
    for (let i = 0; i < RUNS; i++) {
        for (const name of names) {
            lines[name].push(await measured(name, shape));
        }
    }
    all.push({ shape, lines });
    table(`${shape.rooms} chat${shape.rooms > 1 ? 's' : ''} of ${shape.members}, ${shape.window} open`,
          ['server', 'CPU a delivery, µs', 'messages/s', 'to the last, p50 ms', 'p99 ms', 'CPU to floor'],
          names.map((name) => [
              name, of(lines[name], (r) => r.cpuPerDelivery), of(lines[name], (r) => r.publishesPerSecond),
              of(lines[name], (r) => r.lastP50 / 1000), of(lines[name], (r) => r.lastP99 / 1000),
              ratio(lines[name], lines.floor, (r) => r.cpuPerDelivery).toFixed(2),
          ]));
    return lines;
}

const targets = [];

function target(name, value, wanted, met) {
    targets.push({ name, value, wanted, met });
}

const atMost = (name, value, most) => target(name, value, `at most ${most}`, value <= most);
const atLeast = (name, value, least) => target(name, value, `at least ${least}`, value >= least);

const MOST_OF_FLOOR = { 1: 1.25, 16: 2 };
const CHEAPER_THAN = { rabbitmq: { 1: 12, 16: 60 }, nats: { 1: 1.8, 16: 5 }, socketio: { 1: 1.8, 16: 8 } };

function judge(lines, window, flush) {
    const cpu = (r) => r.cpuPerDelivery;
    atMost(`${window} open: CPU a delivery, to the floor`, ratio(lines.whispd, lines.floor, cpu), MOST_OF_FLOOR[window]);
    for (const [field, name] of [['lastP50', 'p50'], ['lastP99', 'p99']]) {
        const most = 1.5 * middle(lines.floor, (r) => r[field]) + flush;
        atMost(`${window} open: to the last of 1,000, ${name}, to 1.5 floors and an fdatasync`,
               middle(lines.whispd, (r) => r[field]) / most, 1);
    }
    for (const [name, least] of Object.entries(CHEAPER_THAN)) {
        if (lines[name]) {
            atLeast(`${window} open: times cheaper than ${name}`, ratio(lines[name], lines.whispd, cpu), least[window]);
        }
    }
}

// ---------------------------------------------------------------- what is measured

const figures = {
    /** One chat of 1,000. */
    async rooms() {
        for (const window of [1, 16]) {
            const flush = await flushTime();
            console.log(`\nfdatasync of 4 KiB: ${Math.round(flush)} µs`);
            judge(await inTurns({ rooms: 1, members: 1000, window }), window, flush);
        }
    },

    /** 1,000 chats of 2. */
    async chats() {
        await inTurns({ rooms: 1000, members: 2, window: 1 });
    },

    /** whispd's CPU a delivery as the chat grows, and with members who are not online. */
    async curve() {
        const cores = ['--server-cpu', SERVER_CPU, '--client-cpu', CLIENT_CPU];
        const shapes = [[10], [100], [1000], [9000], [100000, 100]];
        const lines = await withDirectory(async (root) => {
            const room = ([members]) => ['fanout', '--members', members, '--data', join(root, String(members))];
            for (const shape of shapes) {
                await bench(...room(shape), '--seed');
            }
            const one = async (shape) => {
                const [members, online = members] = shape;
                const messages = Math.max(20, Math.min(1000, Math.round(100000 / online)));
                await quiet(Number(process.env.QUIET ?? 5));
                return (await bench(...room(shape), '--online', online, '--messages', messages, '--rounds', 1,
                                    ...cores, '--', '--threads', 1)).rounds[0];
            };
            const runs = await each(RUNS, () => each(shapes.length, (i) => one(shapes[i])));
            return shapes.map(([members, online = members], i) => ({ members, online, rounds: runs.map((run) => run[i]) }));
        });
        all.push({ curve: lines });
        table('whispd, 1 open: CPU as a chat grows', ['members', 'online', 'CPU a delivery, µs', 'to the last, p50 ms', 'p99 ms'],
              lines.map(({ members, online, rounds }) => [
                  members, online, of(rounds, (r) => r.cpuPerDelivery), of(rounds, (r) => r.lastP50 / 1000),
                  of(rounds, (r) => r.lastP99 / 1000),
              ]));
        const [, small, , , large] = lines;
        atMost('100 online of 100,000 to a chat of 100, CPU a delivery',
               ratio(large.rounds, small.rounds, (r) => r.cpuPerDelivery), 1.3);
    },

    /** Memory of 18,000 sessions after a minute. */
    async idle() {
        const line = await bench('idle', '--members', 18000, '--seconds', Number(process.env.IDLE ?? 60));
        all.push({ idle: line });
        table('whispd, idle sessions', ['sessions', 'bytes a session', 'bytes a session, from none', 'resident, MiB'],
              [[line.sessions, Math.round(line.bytesPerSession), Math.round(line.bytesPerSessionFromNone),
                Math.round(line.residentAll / 1024)]]);
    },
};

const wanted = asked('bench/peers', figures);
for (const [name, have] of Object.entries(there)) {
    if (!have()) {
        missing.push(name);
        console.log(`${name} is not installed and could not be; left out`);
    }
}
for (const name of wanted) {
    await figures[name]();
}
if (targets.length) {
    table('Targets', ['ratio', 'wanted', 'is', 'met'],
          targets.map(({ name, value, wanted: want, met }) => [name, want, value.toFixed(2), met ? 'yes' : 'NO']));
}
console.log(`\n${JSON.stringify({ machine, runs: RUNS, seconds: SECONDS, missing, targets, all })}`);
if (targets.some(({ met }) => !met)) {
    process.exitCode = 1;
}
