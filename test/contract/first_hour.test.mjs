// What a newcomer tries first: the command line, and the URLs that the server names.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import {
    api, cookieOf, createApp, createTenant, expectError, expectStatus, manage, PASSWORD, register, run, startServer,
    unique,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const place = mkdtempSync(join(tmpdir(), 'whisp-first-'));
after(() => rmSync(place, { recursive: true, force: true }));

// ---------------------------------------------------------------- the command line

test('the version is told however it is asked for', async () => {
    const { stdout } = await run(['version']);
    assert.match(stdout, /^whispd \d+\.\d+\.\d+\n$/);
    for (const args of [['--version'], ['-V']]) {
        const asked = await run(args);
        assert.deepEqual([asked.code, asked.stdout, asked.stderr], [0, stdout, '']);
    }
});

test('an option that does not exist is not asked for its value', async () => {
    for (const args of [['--nope'], ['--nope', 'x'], ['--nope=x'], ['serve', '--nope'], ['check-config', '--nope']]) {
        const { code, stderr } = await run(args);
        assert.equal(code, 2);
        assert.match(stderr, /no option nope.*--help/);
        assert.doesNotMatch(stderr, /value/);
    }
});

test('the next option is not taken for the value of the one before', async () => {
    for (const args of [['--data', '--threads', '1'], ['--config', '--threads=1'], ['--data']]) {
        const { code, stderr } = await run(['check-config', ...args]);
        assert.equal(code, 2);
        assert.match(stderr, new RegExp(`${args[0]} needs a value`));
    }
});

test('the routes are listed one a line, and are JSON', async () => {
    const { code, stdout } = await run(['routes']);
    assert.equal(code, 0);
    const routes = JSON.parse(stdout);
    const lines = stdout.trim().split('\n').slice(1, -1);
    assert.deepEqual(lines.map((line) => JSON.parse(line.replace(/,$/, ''))), routes);
});

// ---------------------------------------------------------------- check-config

async function inForce(args, env) {
    const { code, stdout, stderr } = await run(['check-config', ...args], env);
    assert.equal(code, 0, stderr);
    return Object.fromEntries(stdout.trim().split('\n').map((line) => line.split(/ = ?/)));
}

test('check-config says what the options that nobody set come to', async () => {
    const config = await inForce(['--data', join(place, 'data'), '--listen', '127.0.0.1:9000', '--management-listen', '[::1]:9001']);
    assert.equal(config['public-url'], 'http://127.0.0.1:9000');
    assert.equal(config['management-url'], 'http://[::1]:9001');
    assert.equal(config.store, `sqlite:${join(place, 'data')}/whisp.db`);
    assert.ok(Number(config.threads) >= 1);
    assert.ok(Number(config.connections) >= 1);
});

test('what check-config prints is a config file that says the same', async () => {
    const file = join(place, 'whisp.conf');
    const args = ['--data', join(place, 'data'), '--public-url', 'https://chat.example/a'];
    const config = await inForce(args);
    writeFileSync(file, (await run(['check-config', ...args])).stdout);
    assert.deepEqual(await inForce(['--config', file]), config);
});

describe('check-config refuses what would keep the server from starting', () => {
    const file = join(place, 'no-certificate.pem');
    writeFileSync(file, 'nothing\n');
    const rows = [
        ['a certificate that is not there', ['--tls-cert', '/no-such.pem', '--tls-key', '/no-such.key'], /--tls-cert.*no-such\.pem: No such file/],
        ['a file that is no certificate', ['--tls-cert', file, '--tls-key', file], /--tls-cert.*no-certificate\.pem/],
        ['a data directory that is a file', ['--data', file], /--data.*no-certificate\.pem.*directory/],
        ['a data directory in a place that is not there', ['--data', join(place, 'no/such/place')], /--data.*No such file/],
        ['a store of another kind', ['--store', 'mysql://x'], /--store.*sqlite:PATH/],
        ['an unknown tier', ['--cluster-tiers', 'DEMO,GOLD'], /--cluster-tiers.*MULTI_TENANT/],
        ['an address that is none', ['--listen', '999.1.1.1:80'], /--listen.*999/],
        ['an origin that no browser sends', ['--origins', 'shop.example'], /--origins.*https:/],
        ['an origin with a path', ['--management-origins', 'https://dash.example/'], /--management-origins.*https:/],
        ['a public URL with a query', ['--public-url', 'https://chat.example/?a=b'], /--public-url.*https:/],
    ];
    for (const [what, args, says] of rows) {
        test(what, async () => {
            const { code, stdout, stderr } = await run(['check-config', ...args]);
            assert.equal(code, 2, stdout);
            assert.match(stderr, says);
            assert.equal(stdout, '');
        });
    }
});

// ---------------------------------------------------------------- URLs

const endpointOf = async (account) => {
    const app = await createApp(account);
    return (await manage(account, 'GET', `/api/client/apps/${app.id}`)).body.clusterEndpoint;
};

test('a server that listens on all addresses names one that clients can call', async () => {
    const own = Object.values(networkInterfaces()).flat().filter(({ internal }) => !internal)
        .map(({ address }) => address).concat('127.0.0.1');
    for (const all of ['0.0.0.0', '[::]']) {
        const server = await startServer({ args: ['--listen', `${all}:0`] });
        try {
            const endpoint = await endpointOf(await register(server));
            const { hostname } = new URL(endpoint);
            assert.ok(own.includes(hostname), `${endpoint} of ${own}`);
            assert.equal((await fetch(`${endpoint}/livez`)).status, 200);
            const [guess] = server.logLines().filter(({ event }) => event === 'public URL guessed');
            assert.equal(guess.public, endpoint);
            assert.match(guess.why, /--public-url/);
        } finally {
            await server.stop();
        }
    }
});

/** What nginx does with `location /chat/ { proxy_pass http://server/; }`: takes the prefix off. */
async function startProxy(prefix) {
    let to;
    const forward = (from, way) => request(`${to}${from.url.slice(prefix.length)}`,
                                           { method: from.method, headers: from.headers }).on(way, () => {});
    const proxy = createServer((from, back) => {
        if (!from.url.startsWith(`${prefix}/`)) return back.writeHead(404).end();
        const onward = forward(from, 'error');
        onward.on('response', (response) => {
            back.writeHead(response.statusCode, response.rawHeaders);
            response.pipe(back);
        });
        return from.pipe(onward);
    });
    const sockets = new Set();
    proxy.on('upgrade', (from, socket) => {
        sockets.add(socket);
        const onward = forward(from, 'error').end();
        onward.on('upgrade', (response, upstream, head) => {
            const lines = response.rawHeaders.map((part, i) => part + (i % 2 ? '\r\n' : ': '));
            socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
            socket.write(head);
            upstream.pipe(socket).pipe(upstream);
            socket.on('error', () => upstream.destroy());
            upstream.on('error', () => socket.destroy());
        });
    });
    await new Promise((done) => proxy.listen(0, '127.0.0.1', done));
    return {
        url: `http://127.0.0.1:${proxy.address().port}${prefix}`,
        leadTo: (url) => { to = url; },
        stop: () => {
            proxy.closeAllConnections();
            sockets.forEach((socket) => socket.destroy());
            return new Promise((done) => proxy.close(done));
        },
    };
}

test('behind a path prefix everything works at the URLs that the server names', async () => {
    const [chat, dash] = [await startProxy('/chat'), await startProxy('/dash')];
    let server;
    try {
        server = await startServer({ args: ['--public-url', `${chat.url}/`, '--management-url', dash.url] });
        chat.leadTo(server.api);
        dash.leadTo(server.management);
        const outside = Object.create(server, { api: { value: chat.url }, management: { value: dash.url } });
        const { account, users: [ann, bob] } = await createTenant(outside, 'ann', 'bob');
        assert.equal(await endpointOf(account), chat.url);
        const session = await connect(outside, bob);
        const made = await api(ann, 'POST', '/api/chat/createChat',
                               { chatName: 'Lunch', userNames: [ann.username, bob.username] });
        const { chatId } = expectStatus(made, 201).body;
        await session.next({ type: 'NEW_CHAT', chatId });
        await session.close();
        assert.match(await (await fetch(`${chat.url}/reference/`)).text(), /redoc/);
        assert.equal((await fetch(`${dash.url}/`)).status, 200);

        const signedIn = await manage(outside, 'POST', '/api/auth/register', {
            companyName: 'x', email: `${unique('dev')}@example.com`, password: PASSWORD });
        assert.match(expectStatus(signedIn, 201).headers.get('set-cookie'), /; Path=\/dash\/api\/auth;/);
        const renew = (origin) => manage(outside, 'POST', '/api/auth/refresh', undefined,
                                         { cookie: cookieOf(signedIn), origin });
        expectError(await renew(dash.url), 403, 'ORIGIN_NOT_ALLOWED');
        expectStatus(await renew(new URL(dash.url).origin), 200);
    } finally {
        await chat.stop();
        await dash.stop();
        await server?.stop();
    }
});
