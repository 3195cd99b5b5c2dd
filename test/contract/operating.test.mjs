// The server as an operator meets it: options, start and stop, health, logs, data directory.

import assert from 'node:assert/strict';
import {
    mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import {
    api, claimsOf, createApp, createKey, createTenant, createUser, eventually, expectError,
    expectStatus, getTicket, manage, register, run, signIn, startServer, TIME, unique,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const server = await startServer();
after(() => server.stop());

const place = mkdtempSync(join(tmpdir(), 'whisp-operating-'));
after(() => rmSync(place, { recursive: true, force: true }));
const anyPort = ['--listen', '127.0.0.1:0', '--management-listen', '127.0.0.1:0'];
const health = (on, path) => [api(on, 'GET', path), manage(on, 'GET', path)];

/** Starts a server of its own for the body, and stops it. */
async function withServer(options, body) {
    const own = await startServer(options);
    try {
        await body(own);
    } finally {
        await own.stop();
    }
}

// ---------------------------------------------------------------- start

test('one line says that it is ready, and where', async () => {
    const lines = server.logLines().filter((line) => line.event === 'ready');
    assert.equal(lines.length, 1);
    const [ready] = lines;
    assert.equal(ready.level, 'info');
    assert.match(ready.time, TIME);
    assert.match(ready.api, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    assert.match(ready.management, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    assert.notEqual(ready.api, ready.management);
});

test('the ready line says where it listens, also when clients call it by another URL', async () => {
    const args = ['--public-url', 'https://chat.example', '--management-url', 'https://dash.example'];
    await withServer({ args }, async (own) => {
        const account = await register(own);
        const app = await createApp(account);
        const { body } = await manage(account, 'GET', `/api/client/apps/${app.id}`);
        assert.equal(body.clusterEndpoint, 'https://chat.example');
    });
});

test('every line of the JSON log is an object with time, level and event', async () => {
    expectStatus(await api(server, 'GET', '/livez'), 200);
    for (const line of server.log().trim().split('\n')) {
        const entry = JSON.parse(line);
        assert.match(entry.time, TIME);
        assert.match(entry.level, /^(debug|info|warn|error)$/);
        assert.match(entry.event, /^[\w .-]+$/);
    }
});

test('a second server on the same data directory is refused with a clear line', async () => {
    const account = await register(server);
    const { code, stdout, stderr } = await run(['--data', server.dataDir, ...anyPort]);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /in use|another (server|whispd)|already/i);
    assert.ok((stdout + stderr).includes(server.dataDir), stderr);
    expectStatus(await manage(account, 'GET', '/api/client/profile'), 200);
});

test('a port that is taken is named', async () => {
    const { host } = new URL(server.api);
    const { code, stderr } = await run(['--data', join(place, 'port'), '--listen', host,
                                        '--management-listen', '127.0.0.1:0']);
    assert.notEqual(code, 0);
    assert.ok(stderr.includes(host), stderr);
});

test('a data directory that cannot be made is named', async () => {
    const file = join(place, 'file');
    writeFileSync(file, '');
    const { code, stderr } = await run(['--data', join(file, 'data'), ...anyPort]);
    assert.notEqual(code, 0);
    assert.ok(stderr.includes(file), stderr);
});

test('a database that is none is refused and left alone', async () => {
    const dir = join(place, 'no-database');
    mkdirSync(dir);
    const file = join(dir, 'whisp.db');
    writeFileSync(file, 'these are my notes\n'.repeat(100));
    const { code, stderr } = await run(['--data', dir, ...anyPort]);
    assert.notEqual(code, 0);
    assert.ok(stderr.length > 0);
    assert.equal(readFileSync(file, 'utf8'), 'these are my notes\n'.repeat(100));
});

test('what it makes at the first start is for its own user only', () => {
    const files = readdirSync(server.dataDir, { recursive: true, withFileTypes: true });
    assert.ok(files.length >= 2);
    for (const entry of files.filter((each) => each.isFile())) {
        const { mode } = statSync(join(entry.path, entry.name));
        assert.equal(mode & 0o077, 0, `${entry.name} has mode ${(mode & 0o777).toString(8)}`);
    }
});

test('accounts, keys and signing keys outlive a restart', async () => {
    await withServer(undefined, async (own) => {
        const { account, app, users: [ann] } = await createTenant(own, 'ann');
        await own.restart();
        expectStatus(await manage(account, 'GET', '/api/client/profile'), 200);
        expectStatus(await api(ann, 'GET', '/api/user/getUser'), 200);
        await signIn(app, 'ann');
        await own.kill9();
        await own.restart();
        expectStatus(await api(ann, 'GET', '/api/user/getUser'), 200);
        await createUser(app);
    });
});

// ---------------------------------------------------------------- options

const OPTIONS = ['--data', '--listen', '--management-listen', '--public-url', '--management-url',
                 '--store', '--cluster', '--threads', '--trusted-proxies', '--log-format',
                 '--log-level', '--message-rate', '--request-rate', '--key-rate',
                 '--signin-failures', '--demo-users', '--hash-cost', '--user-token-ttl',
                 '--retention', '--drain-delay', '--drain-timeout'];

test('--help lists every option with its default', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    for (const option of OPTIONS) {
        assert.match(stdout, new RegExp(`^\\s*${option}\\b.*\\S`, 'm'), option);
    }
    for (const text of ['WHISP_', '127.0.0.1:8080', '127.0.0.1:8081', 'demo-cluster', 'check-config']) {
        assert.ok(stdout.includes(text), text);
    }
});

test('version says the version', async () => {
    const { code, stdout } = await run(['version']);
    assert.equal(code, 0);
    assert.match(stdout, /\d+\.\d+\.\d+/);
});

test('an unknown option or command is named and points to the help', async () => {
    for (const args of [['--nonsense'], ['serve', '--nonsense', 'x'], ['check-config', '--nonsense'],
                        ['nonsense'], ['--nonsense=5']]) {
        const { code, stdout, stderr } = await run(args);
        assert.notEqual(code, 0);
        assert.match(stderr, /nonsense/);
        assert.match(stderr, /help/);
        assert.equal(stdout, '');
    }
});

describe('bad values are named with what to change, by check-config and at the start', () => {
    const bad = {
        '--listen': ['nowhere', '127.0.0.1', '127.0.0.1:99999', ':x'],
        '--threads': ['-1', 'many', '1.5'],
        '--log-format': ['xml'],
        '--log-level': ['loud'],
        '--message-rate': ['fast', '20', '20/', '-1/5', '0/0'],
        '--request-rate': ['5/x'],
        '--signin-failures': ['10', '10/soon'],
        '--demo-users': ['none', '-5'],
        '--hash-cost': ['19m', '0m/2', 'x/2', '19m/0'],
        '--user-token-ttl': ['15', 'soon', '-5m'],
        '--public-url': ['example.com', 'ftp://example.com'],
        '--cluster': [''],
    };
    for (const [option, values] of Object.entries(bad)) {
        test(option, async () => {
            for (const value of values) {
                const { code, stderr } = await run(['check-config', option, value]);
                assert.notEqual(code, 0, `${option} ${value} was taken`);
                assert.ok(stderr.includes(option), stderr);
                assert.match(stderr.trim(), new RegExp(`${option}\\W.{10,}`, 's'), stderr);
            }
            const start = await run(['--data', join(place, 'bad'), ...anyPort, option, values[0]]);
            assert.notEqual(start.code, 0);
            assert.ok(start.stderr.includes(option), start.stderr);
        });
    }
    test('an option without its value', async () => {
        const { code, stderr } = await run(['check-config', '--data']);
        assert.notEqual(code, 0);
        assert.match(stderr, /--data/);
    });
    test('in the environment, saying that it came from there', async () => {
        const { code, stderr } = await run(['check-config'], { WHISP_THREADS: 'many' });
        assert.notEqual(code, 0);
        assert.match(stderr, /--threads.*environment|WHISP_THREADS/);
    });
});

test('check-config takes a good configuration and starts nothing', async () => {
    const dir = join(place, 'not-made');
    const { code } = await run(['check-config', '--data', dir, '--threads', '2', '--hash-cost', '1m/1',
                                '--message-rate', 'off', '--signin-failures=10/15m']);
    assert.equal(code, 0);
    assert.ok(!readdirSync(place).includes('not-made'));
});

test('the environment sets options, and the command line wins over it', async () => {
    const env = { WHISP_CLUSTER: 'from-the-environment', WHISP_LOG_FORMAT: 'text',
                  WHISP_USER_TOKEN_TTL: '5m' };
    await withServer({ env, args: ['--user-token-ttl', '7m'] }, async (own) => {
        const { account, app, users: [ann] } = await createTenant(own, 'ann');
        const { body } = await manage(account, 'GET', `/api/client/apps/${app.id}`);
        assert.equal(body.clusterName, 'from-the-environment');
        assert.equal((await createKey(app)).audience, 'from-the-environment');
        const { claims } = claimsOf(ann.jwt);
        assert.equal(claims.exp - claims.iat, 7 * 60);
    });
});

test('a config file sets options, and the environment wins over it', async () => {
    const config = join(place, 'whisp.conf');
    writeFileSync(config, '# ours\n\ncluster = from-the-file\nuser-token-ttl=9m\n');
    const env = { WHISP_USER_TOKEN_TTL: '8m' };
    await withServer({ args: ['--config', config], env }, async (own) => {
        const { app, users: [ann] } = await createTenant(own, 'ann');
        assert.equal(app.key.audience, 'from-the-file');
        const { claims } = claimsOf(ann.jwt);
        assert.equal(claims.exp - claims.iat, 8 * 60);
    });
    writeFileSync(config, 'nonsense = 1\n');
    for (const [args, extra] of [[['--config', config], {}], [[], { WHISP_CONFIG: config }]]) {
        const { code, stderr } = await run(['check-config', ...args], extra);
        assert.notEqual(code, 0);
        assert.ok(stderr.includes(config) && stderr.includes('nonsense'), stderr);
    }
    const missing = await run(['check-config', '--config', join(place, 'no-such-file')]);
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /no-such-file/);
});

// ---------------------------------------------------------------- health and the end

test('both listeners tell that they live and are ready, to anyone', async () => {
    for (const path of ['/livez', '/readyz']) {
        for (const res of await Promise.all(health(server, path))) {
            expectStatus(res, 200);
        }
    }
});

test('SIGTERM ends it with 0, with connections open', async () => {
    await withServer(undefined, async (own) => {
        const { users: [ann] } = await createTenant(own, 'ann');
        const session = await connect(own, ann);
        await own.terminate();
        assert.equal((await session.whenClosed()).code, 1012);
        await assert.rejects(api(own, 'GET', '/livez'));
    });
});

test('SIGINT ends it with 0 too', async () => {
    const own = await startServer();
    own.signal('SIGINT');
    assert.equal((await own.exited()).code, 0);
    rmSync(own.dataDir, { recursive: true });
});

test('while draining it says it is not ready, and still answers; a second SIGTERM ends that', async () => {
    await withServer({ args: ['--drain-delay', '60s'] }, async (own) => {
        const account = await register(own);
        own.signal('SIGTERM');
        const res = await eventually('it is not ready', async () => {
            const answer = await api(own, 'GET', '/readyz');
            return answer.status !== 200 && answer;
        });
        expectError(res, 503, 'DRAINING');
        assert.match(res.headers.get('retry-after'), /^\d+$/);
        expectStatus(await api(own, 'GET', '/livez'), 200);
        expectStatus(await manage(account, 'GET', '/api/client/profile'), 200);
        own.signal('SIGTERM');
        await own.exited();
    });
});

test('the drain ends by itself after its delay', async () => {
    await withServer({ args: ['--drain-delay', '1s', '--drain-spread', '0s'] }, async (own) => {
        const began = Date.now();
        await own.terminate();
        assert.ok(Date.now() - began >= 1000, 'it did not wait');
    });
});

// ---------------------------------------------------------------- what it writes

/** Uses everything that is secret, and returns it by what it is. */
async function leaveSecrets(own) {
    const password = unique('p4ssword');
    const email = `${unique('mail')}@example.com`;
    const res = await manage(own, 'POST', '/api/auth/register', { companyName: 'x', email, password });
    const { account, app, users: [ann] } = await createTenant(own, 'ann', 'bob');
    const ticket = await getTicket(ann);
    const session = await connect(own, ann, { ticket });
    const chat = (await api(ann, 'POST', '/api/chat/createChat',
                            { chatName: 'x', userNames: ['ann', 'bob'] })).body;
    const text = unique('secret-text');
    await session.post(chat.chatId, text);
    await session.close();
    // Kept answers must not be where a key's text is kept.
    const kept = await manage(account, 'POST', `/api/client/apps/${app.id}/keys`, undefined,
                              { 'idempotency-key': unique('key') });
    const wrong = unique('wr0ng');
    await manage(own, 'POST', '/api/auth/login', { email, password: wrong });
    await api(app.key, 'POST', '/api/user/signin', { username: 'ann', password: wrong });
    await api({ server: own, jwt: `${ann.jwt}x` }, 'GET', `/api/user/getUser?jwt=${ann.jwt}`);
    await api({ server: own, token: `${app.key.token}x` }, 'POST', '/api/user/signin', {});
    await api(ann, 'POST', '/api/auth/refresh', { expiredJwt: ann.jwt },
              { authorization: `Bearer ${ann.refreshToken}` });
    await manage(account, 'POST', '/api/auth/refresh', undefined, { cookie: account.cookie });
    await api(ann, 'POST', '/api/chat/createChat', `{"chatName":"${password}`);
    return {
        stored: { text },
        hidden: {
            password, wrong, ticket, 'user password': ann.password,
            'access token': account.accessToken, 'refresh cookie': account.cookie.split('=')[1],
            'first access token': res.body.accessToken, 'API key': app.key.token, jwt: ann.jwt,
            'key made with an Idempotency-Key': kept.body.token,
            'refresh token': ann.refreshToken,
        },
    };
}

for (const level of ['info', 'debug']) {
    test(`the log at level ${level} has no secret in it`, async () => {
        await withServer({ args: ['--log-level', level] }, async (own) => {
            const { hidden, stored } = await leaveSecrets(own);
            await own.terminate();
            for (const [what, secret] of Object.entries({ ...hidden, ...stored })) {
                assert.ok(!own.log().includes(secret), `the log has the ${what}`);
                const signature = secret.split('.')[2];
                assert.ok(!signature || !own.log().includes(signature), `the log has the ${what}`);
            }
            assert.ok(!own.log().includes('ticket='), 'the log has a query string');
        });
    });
}

test('the data directory has no token or password in it', async () => {
    await withServer(undefined, async (own) => {
        const { hidden } = await leaveSecrets(own);
        await own.terminate();
        for (const entry of readdirSync(own.dataDir, { recursive: true, withFileTypes: true })) {
            const bytes = entry.isFile() ? readFileSync(join(entry.path, entry.name)) : Buffer.alloc(0);
            for (const [what, secret] of Object.entries(hidden)) {
                assert.ok(!bytes.includes(secret), `${entry.name} has the ${what}`);
            }
        }
    });
});

test('a request’s log line has its id, method, path and status', async () => {
    const has = (line, ...values) => values.every((value) => Object.values(line).includes(value));
    const id = unique('request');
    await api(server, 'GET', '/api/chat/getChats?page=0', undefined, { 'x-request-id': id });
    const line = await server.logged((each) => has(each, id), 'the request’s line');
    assert.ok(has(line, 'GET', '/api/chat/getChats', 401), JSON.stringify(line));
    const own = (await manage(server, 'GET', '/api/client/apps')).headers.get('x-request-id');
    await server.logged((each) => has(each, own), 'the line with the id that was given');
});

test('a request cannot write lines of its own into the log', async () => {
    const evil = encodeURIComponent('x\n{"time":"now","level":"info","event":"forged"}');
    await api(server, 'GET', `/api/chat/getUsers/${evil}`);
    await api(server, 'GET', `/${evil}`);
    const id = unique('last');
    await api(server, 'GET', '/livez', undefined, { 'x-request-id': id });
    await api(server, 'GET', '/nowhere', undefined, { 'x-request-id': id });
    await server.logged((line) => Object.values(line).includes(id));
    assert.ok(!server.logLines().some((line) => line.event === 'forged' || line.unreadable));
});
