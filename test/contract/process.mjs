// What the operating system says of the server's process: memory and open files.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS = 100; // a second, of what /proc counts in

function status(server, name) {
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${server.pid}/status`))[1]);
}

export const residentKiB = (server) => status(server, 'VmRSS');

export const openFiles = (server) => readdirSync(`/proc/${server.pid}/fd`).length;

/** Seconds of CPU that the process has used. */
export function cpuSeconds(server) {
    const stat = readFileSync(`/proc/${server.pid}/stat`, 'utf8');
    const [user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 13).map(Number);
    return (user + system) / TICKS;
}

/** A sanitizer's shadow is terabytes, and it keeps what was freed: its memory says nothing. */
const sanitized = (server) => status(server, 'VmSize') > 2 ** 30;

/** Memory has not grown by more than this since `before`; resolves with how much it has. */
export function expectGrowth(server, before, mostKiB) {
    const grown = residentKiB(server) - before;
    assert.ok(grown < mostKiB || sanitized(server), `grew by ${grown} KiB, from ${before} KiB`);
    return grown;
}

/** Waits until the server has let go of the connections that are gone. */
export async function filesBackTo(server, count) {
    const until = Date.now() + 20_000;
    while (openFiles(server) > count) {
        assert.ok(Date.now() < until, `${openFiles(server)} files are open, ${count} were`);
        await new Promise((done) => setTimeout(done, 20));
    }
}
