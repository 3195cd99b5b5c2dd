// What one app, user or key costs is not taken from others: rates, queues and turns.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    api, createApp, createKey, createTenant, eventually, expectError, expectStatus, manage, PASSWORD, register, startServer, unique,
} from './harness.mjs';

const signIn = (key, username) => api(key, 'POST', '/api/user/signin', { username, password: PASSWORD });
const countOf = (answers, status) => answers.filter((res) => res.status === status).length;

async function withServer(args, run) {
    const server = await startServer({ args });
    try {
        await run(server);
    } finally {
        await server.stop();
    }
}

/** Keeps `lanes` calls in flight until it is ended; resolves with the statuses met. */
function flood(lanes, call) {
    const met = {};
    let ended = false;
    const all = Array.from({ length: lanes }, async (_, lane) => {
        for (let n = 0; !ended; n++) {
            const { status } = await call(lane, n);
            met[status] = (met[status] ?? 0) + 1;
            if (status === 503) { // others of the flood fill the queue meanwhile
                await new Promise((done) => setTimeout(done, 250));
            }
        }
    });
    return { met, end: async () => { ended = true; await Promise.all(all); } };
}

test('a revoked key uses up its own rate, not that of its app', async () => {
    await withServer(['--key-rate', '5/20'], async (server) => {
        const app = await createApp(await register(server));
        const [bad, good] = [await createKey(app), await createKey(app)];
        expectStatus(await manage(app.account, 'DELETE', `/api/client/apps/${app.id}/keys/${bad.id}`), 204);
        const answers = [];
        for (let round = 0; round < 10; round++) {
            answers.push(...await Promise.all(Array.from({ length: 30 }, () => signIn(bad, 'x'))));
            expectError(await signIn(good, `nobody${round}`), 401, 'AUTH_BAD_CREDENTIALS');
        }
        expectError(answers[0], 401, 'AUTH_REVOKED_API_KEY');
        assert.equal(countOf(answers, 401) + countOf(answers, 429), answers.length);
        assert.ok(countOf(answers, 429) > 0, 'a revoked key has no limit at all');
    });
});

test('floods of sign-ins of two apps leave room and turns for a third app and the dashboard', async () => {
    await withServer(['--hash-cost', '8m/1', '--key-rate', 'off', '--signin-failures', 'off'], async (server) => {
        const email = `${unique('dev')}@example.com`;
        await register(server, { email });
        const [one, two, third] = [
            await createTenant(server, 'one'), await createTenant(server, 'two'), await createTenant(server, 'third'),
        ];
        const floods = [
            flood(160, () => signIn(one.app.key, 'one')),
            flood(160, (lane, n) => signIn(two.app.key, `nobody-${lane}-${n}`)),
        ];
        try {
            await eventually('the queue has been full', () => floods.some(({ met }) => met[503] > 20));
            for (let i = 0; i < 4; i++) {
                expectStatus(await signIn(third.app.key, 'third'), 200);
                expectStatus(await manage(server, 'POST', '/api/auth/login', { email, password: PASSWORD }), 200);
            }
        } finally { // before the server ends
            await Promise.all(floods.map(({ end }) => end()));
        }
        floods.forEach(({ met }) => assert.ok((met[200] ?? 0) + (met[401] ?? 0) > 0, 'a flood got no turn at all'));
    });
});
