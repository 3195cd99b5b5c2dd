// Somebody else, in a process of its own: a user of another app who reads their profile again and
// again, and an operator's probe. On SIGTERM it prints what it met, as JSON.
//
//     node witness.mjs '{"api": "http://…", "management": "http://…", "jwt": "…"}'

import http from 'node:http';
import https from 'node:https';

const EVERY_MS = 20;
const PATIENCE_MS = 10_000;
const { api, management, jwt } = JSON.parse(process.argv[2]);
const met = { getUser: { ms: [], failed: 0 }, probe: { ms: [], failed: 0 } };

/** One GET on a kept connection; how long it took, or a failure. */
function look(kind, url, agent, headers = {}) {
    const begin = performance.now();
    return new Promise((done) => {
        const failed = () => {
            met[kind].failed++;
            done();
        };
        const request = (url.startsWith('https:') ? https : http).get(url, { agent, headers, timeout: PATIENCE_MS }, (response) => {
            response.resume();
            response.on('end', () => {
                if (response.statusCode === 200) {
                    met[kind].ms.push(performance.now() - begin);
                } else {
                    met[kind].failed++;
                }
                done();
            });
        });
        request.on('timeout', () => request.destroy(new Error('no answer')));
        request.on('error', failed);
    });
}

async function watch(kind, url, headers) {
    const agent = new (url.startsWith('https:') ? https : http).Agent({ keepAlive: true, maxSockets: 1 });
    for (;;) {
        await look(kind, url, agent, headers);
        await new Promise((done) => setTimeout(done, EVERY_MS));
    }
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;

process.on('SIGTERM', () => {
    const report = {};
    for (const [kind, { ms, failed }] of Object.entries(met)) {
        const sorted = ms.sort((a, b) => a - b);
        report[kind] = { n: ms.length, failed, p50: at(sorted, 0.5), p99: at(sorted, 0.99) };
    }
    process.stdout.write(JSON.stringify(report), () => process.exit(0));
});

watch('getUser', `${api}/api/user/getUser`, { authorization: `Bearer ${jwt}` });
watch('probe', `${management}/readyz`);
process.stdout.write('ready\n');
