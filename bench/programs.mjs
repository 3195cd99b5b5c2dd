// What the measurements share: the programs they run, where, and what the machine is doing.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join, resolve } from 'node:path';

export const whispd = resolve(process.env.WHISPD ?? 'build/release/whispd');
export const floors = resolve(process.env.BENCH ?? 'build/release/bench');
export const runs = Number(process.env.RUNS ?? 3);

/** On the disk, unlike /tmp on many machines. */
export const scratch = resolve('build/bench-data');
mkdirSync(scratch, { recursive: true });

export const SERVER_CPU = 0;
export const CLIENT_CPU = Math.min(1, os.availableParallelism() - 1);

const alive = new Set();
process.on('exit', () => alive.forEach((child) => child.kill('SIGTERM')));
for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => process.exit(1)); // and so the above
}

/** Starts a program, on a core if one is named; it is ended with this one. */
export function start(cpu, program, args, options) {
    const [command, all] = cpu === undefined ? [program, args]
                                             : ['taskset', ['-c', String(cpu), program, ...args]];
    const child = spawn(command, all.map(String), options);
    alive.add(child);
    child.on('close', () => alive.delete(child));
    return child;
}

/** Runs a program to its end; resolves with the objects in its output, one a line. */
export function results(cpu, program, ...args) {
    const child = start(cpu, program, args, {
        stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: scratch },
    });
    return new Promise((done, fail) => {
        let out = '', complaints = '';
        child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
        child.stderr.setEncoding('utf8').on('data', (text) => (complaints += text));
        child.on('error', fail);
        child.on('close', (code) => {
            if (code !== 0) {
                return fail(new Error(`${program} ${args.join(' ')} failed: ${complaints}`));
            }
            return done(out.split('\n').filter(Boolean).map((line) => JSON.parse(line)));
        });
    });
}

/** Runs whispd bench; resolves with its JSON, undefined after --seed. */
export async function bench(...args) {
    const at = args.indexOf('--');
    const own = at < 0 ? args : args.slice(0, at);
    return (await results(undefined, whispd, 'bench', ...own, '--json', '-', ...args.slice(own.length)))[0];
}

/** A directory, gone after `use`. */
export async function withDirectory(use) {
    const path = mkdtempSync(join(scratch, 'store-'));
    try {
        return await use(path);
    } finally {
        rmSync(path, { recursive: true });
    }
}

// ---------------------------------------------------------------- the machine

/** Jiffies of all cores since the start: [idle, all]. */
function jiffies() {
    const all = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/ +/).slice(1, 9).map(Number);
    return [all[3], all.reduce((a, b) => a + b)];
}

/** How much of the machine others used before each measurement. */
export const noise = [];

/** Waits for a moment when nobody else uses the machine, a minute at most; notes how it was. */
export async function quiet(seconds = Number(process.env.QUIET ?? 60)) {
    for (let i = 0; i < seconds; i++) {
        const [idle, all] = jiffies();
        await new Promise((done) => setTimeout(done, 1000));
        const now = jiffies();
        const used = 1 - (now[0] - idle) / (now[1] - all);
        if (used < 0.04 || i === seconds - 1) {
            noise.push(used);
            return;
        }
    }
}

const commit = (() => {
    try {
        return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
    } catch {
        return 'unknown';
    }
})();

export const machine = {
    cpus: `${os.cpus().length} x ${os.cpus()[0]?.model}`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    kernel: `${os.type()} ${os.release()}`,
    commit,
};

// ---------------------------------------------------------------- numbers

export function spread(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return { median: sorted[Math.floor(sorted.length / 2)], least: sorted[0], greatest: sorted.at(-1) };
}

const rounded = (n) => (n >= 1000 ? String(Math.round(n)) : n.toPrecision(3));
export const shown = ({ median, least, greatest }) => `${rounded(median)} (${rounded(least)} to ${rounded(greatest)})`;

export async function each(n, make) {
    const made = [];
    for (let i = 0; i < n; i++) {
        made.push(await make(i));
    }
    return made;
}

/** The names on the command line, or all; says on what machine. Ends the program at an unknown one. */
export function asked(program, figures) {
    const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(figures);
    const unknown = wanted.find((name) => !figures[name]);
    if (unknown) {
        console.error(`${program}: there is no ${unknown}; ${Object.keys(figures).join(', ')}`);
        process.exit(2);
    }
    console.log(Object.entries(machine).map(([name, value]) => `${name}: ${value}`).join(', '));
    return wanted;
}
