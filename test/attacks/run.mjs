// Attacks on a server, each bounded in time and count, and what somebody else noticed meanwhile.
//
//     node test/attacks/run.mjs [NAME…]              against build/release/whispd, or WHISPD
//
// Each attack gets a server of its own. A line for each says whether the server lives, how long the
// attack took, the server's memory before and at the most, and what the witness met: latencies of a
// user of another app and of the probe, and how often they failed. An attack that ends the server,
// that holds it up so that somebody else fails, or that sees what must not be, is a fault; the exit
// status says so.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { described } from '../contract/description.mjs';
import { createTenant, startServer, within } from '../contract/harness.mjs';
import { attacks } from './attacks.mjs';

// What a server says is for the tests of the contract: here older ones are looked at, too.
described.answer = described.frame = described.accepted = described.closed = () => {};
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // of a server with a certificate of its own

const witnessFile = fileURLToPath(new URL('witness.mjs', import.meta.url));
const CALM_MS = 1000; // the witness alone, before and after

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const mib = (kib) => kib === undefined ? '-' : (kib / 1024).toFixed(0);
const ms = (value) => value === null || value === undefined ? '-' : value.toFixed(1);

/** VmRSS and VmHWM in KiB; nothing when the process is gone. */
function memory(pid) {
    try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        return Object.fromEntries([...status.matchAll(/^(VmRSS|VmHWM):\s+(\d+)/gm)].map(([, name, n]) => [name, Number(n)]));
    } catch {
        return {};
    }
}

async function startWitness(server) {
    const { users: [{ jwt }] } = await createTenant(server, 'witness');
    const child = spawn(process.execPath, ['--no-warnings', witnessFile, JSON.stringify({
        api: server.api, management: server.management, jwt })], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
    await once(child.stdout, 'data');
    return async () => {
        child.kill();
        await once(child, 'close');
        return JSON.parse(said.slice(said.indexOf('\n') + 1));
    };
}

async function run(name, { args = [], env = {}, attack }) {
    const server = await startServer({ args, env });
    try {
        const endWitness = await startWitness(server);
        await pause(CALM_MS);
        const before = memory(server.pid).VmRSS;
        const begin = Date.now();
        let note, fault = false;
        try {
            const saw = await within(60_000, () => 'bounded by a minute', attack(server));
            ({ note, fault } = saw?.note ? saw : { note: saw, fault: false });
        } catch (error) {
            note = error.message.split('\n')[0].slice(0, 80);
        }
        const took = (Date.now() - begin) / 1000;
        await pause(CALM_MS);
        const most = memory(server.pid).VmHWM;
        const met = await endWitness();
        const lives = most !== undefined;
        const well = lives && met.getUser.failed === 0 && met.probe.failed === 0 && !fault;
        console.log([name.padEnd(15), lives ? 'lives' : 'ENDED', `${took.toFixed(1)} s`.padStart(7),
                     `${mib(before)} -> ${mib(most)} MiB`.padStart(16),
                     `getUser p50 ${ms(met.getUser.p50)} p99 ${ms(met.getUser.p99)} ms, ${met.getUser.failed} of ${met.getUser.n + met.getUser.failed} failed;`,
                     `probe p99 ${ms(met.probe.p99)} ms, ${met.probe.failed} failed;`, note ?? ''].join('  '));
        return well;
    } finally {
        server.signal('SIGKILL');
        await server.stop().catch(() => {});
    }
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(attacks);
let bad = 0;
for (const name of names) {
    bad += await run(name, attacks[name]) ? 0 : 1;
}
console.log(`${names.length - bad} passed, ${bad} failed`);
process.exit(bad ? 1 : 0);
