// The proxies that the document for operators names, with the configurations that it prints. Only
// what belongs to the place is changed: addresses, certificates, and time-outs, which are turned down.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './harness.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../../..');
const operating = readFileSync(join(root, 'docs/operating.md'), 'utf8');

/** The blocks of a language in docs/operating.md, in their order. */
export function documented(language) {
    const blocks = [...operating.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))];
    assert.ok(blocks.length, `docs/operating.md has no ${language}`);
    return blocks.map((block) => block[1]);
}

/** Replaces each text, which must be there, wherever it is. */
function adapt(config, changes) {
    for (const [from, to] of changes) {
        assert.ok(config.includes(from), `the documented configuration has no ${from}`);
        config = config.replaceAll(from, to);
    }
    return config;
}

/** Where script/setup or the system has put the program. */
function program(name) {
    const places = [join(root, 'vendor/proxies/usr/sbin'), join(root, 'vendor/proxies/usr/bin'),
                    ...process.env.PATH.split(':'), '/usr/sbin'];
    const found = places.map((place) => join(place, name)).find((path) => existsSync(path));
    assert.ok(found, `${name} is not installed; run script/setup test`);
    return found;
}

const hostOf = (url) => new URL(url).host;

/** What a proxy is quiet for before it ends a connection, in place of two minutes. */
export const QUIET = 2_000;
const QUIETS = [['120s', `${QUIET}ms`]];

const makers = {
    nginx(server, ports, dir) {
        const site = adapt(documented('nginx')[0], [
            ['127.0.0.1:8080', hostOf(server.api)],
            ['127.0.0.1:8081', hostOf(server.management)],
            ['listen 443 ssl', 'listen PORT'],
            ...QUIETS,
        ]).replace('listen PORT', `listen 127.0.0.1:${ports.api}`)
            .replace('listen PORT', `listen 127.0.0.1:${ports.management}`)
            .replace(/^.*ssl_certificate.*\n/gm, '');
        const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
            .map((what) => `${what}_temp_path ${dir}/${what};`).join('\n');
        writeFileSync(join(dir, 'nginx.conf'), `daemon off;\npid ${dir}/pid;\nevents {}\n` +
            `http {\naccess_log off;\n${temporary}\n${site}}\n`);
        return ['nginx', '-e', 'stderr', '-p', dir, '-c', join(dir, 'nginx.conf')];
    },

    haproxy(server, ports, dir) {
        const config = adapt(documented('haproxy')[0], [
            ['127.0.0.1:8080 check port 8081', `${hostOf(server.api)} check port ${new URL(server.management).port}`],
            ['127.0.0.1:8081', hostOf(server.management)],
            ['bind :443 ssl crt /etc/haproxy/certs/', `bind 127.0.0.1:${ports.api}\n    bind 127.0.0.1:${ports.management}`],
            ['hdr(host) -i dash.example.com', `dst_port ${ports.management}`],
            ...QUIETS,
        ]);
        writeFileSync(join(dir, 'haproxy.cfg'), config);
        return ['haproxy', '-db', '-f', join(dir, 'haproxy.cfg')];
    },

    caddy(server, ports, dir) {
        const config = adapt(documented('caddyfile')[0], [
            ['127.0.0.1:8080', hostOf(server.api)],
            ['127.0.0.1:8081', hostOf(server.management)],
            ['chat.example.com', `http://127.0.0.1:${ports.api}`],
            ['dash.example.com', `http://127.0.0.1:${ports.management}`],
        ]);
        writeFileSync(join(dir, 'Caddyfile'), `{\n\tadmin off\n\tauto_https off\n}\n\n${config}`);
        return ['caddy', 'run', '--adapter', 'caddyfile', '--config', join(dir, 'Caddyfile')];
    },
};

export const PROXIES = Object.keys(makers);

async function freePort() {
    const listener = net.createServer();
    await new Promise((done) => listener.listen(0, '127.0.0.1', done));
    const { port } = listener.address();
    await new Promise((done) => listener.close(done));
    return port;
}

function accepts(port) {
    return new Promise((done) => {
        const socket = net.connect(port, '127.0.0.1');
        socket.on('connect', () => done(true)).on('error', () => done(false));
        socket.on('connect', () => socket.destroy());
    });
}

/**
 * Starts the proxy before the server; resolves with what clients take for the server, and `stop`.
 */
export async function startProxy(name, server) {
    const ports = { api: await freePort(), management: await freePort() };
    const dir = mkdtempSync(join(tmpdir(), `whisp-${name}-`));
    const [command, ...args] = makers[name](server, ports, dir);
    let output = '';
    const child = spawn(program(command), args, {
        env: { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise((done) => child.on('close', done).on('error', done));
    const kill = () => child.kill('SIGKILL');
    process.on('exit', kill);
    for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    const stop = async () => {
        child.kill('SIGTERM');
        const timer = setTimeout(kill, 3_000);
        await ended;
        clearTimeout(timer);
        process.off('exit', kill);
        rmSync(dir, { recursive: true, force: true });
    };
    try {
        await eventually(`${name} accepts`, async () => {
            assert.equal(child.exitCode, null, `${name} ended:\n${output}`);
            return await accepts(ports.api) && accepts(ports.management);
        });
    } catch (error) {
        await stop();
        throw error;
    }
    return {
        api: `http://127.0.0.1:${ports.api}`, management: `http://127.0.0.1:${ports.management}`, stop,
    };
}
