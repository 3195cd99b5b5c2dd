// A real server for one test file, and the few calls that every test makes.
//
//     const server = await startServer();
//     const account = await register(server);
//     const app = await createApp(account);
//     const ann = await createUser(app);
//     const res = await api(ann, 'GET', '/api/user/getUser');
//     after(() => server.stop());
//
// api() speaks to the chat listener, manage() to the management listener. Their first argument
// says who is calling: a user (JWT), a key (x-api-key), an account (access token), or the server
// itself, which means without credentials. Every answer must be one that the API's document knows.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { described } from './description.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const whispd = resolve(root, process.env.WHISPD ?? 'build/release/whispd');

const READY_WITHIN = 30_000;
const EXIT_WITHIN = 30_000;

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
export const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** A well-formed id that nothing has. */
export const UNKNOWN_ID = '01890000-0000-7000-8000-000000000000';
export const PASSWORD = 'S3cure!Pass#2026';

/** How many times slower than a release the server under test is, with a sanitizer in it. */
export const SLOWER = Number(process.env.SLOWER ?? 1);

let counter = 0;

/** A name nobody else in this run has. */
export function unique(prefix = 'name') {
    return `${prefix}-${process.pid.toString(36)}-${(++counter).toString(36)}`;
}

/** Resolves with the promise, or rejects after `ms` of a release saying what did not happen. */
export async function within(ms, what, promise) {
    ms *= SLOWER;
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what()} (waited ${ms} ms)`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// ---------------------------------------------------------------- the server

/** All tests come from one address, and make accounts and keys faster than a person does. */
const UNLIMITED = {
    WHISP_MANAGEMENT_RATE: 'off', WHISP_ACCOUNT_RATE: 'off', WHISP_REGISTER_RATE: 'off',
    WHISP_NEW_KEY_RATE: 'off',
};

const alive = new Set();
const places = new Set();
process.on('exit', () => {
    alive.forEach((child) => child.kill('SIGKILL'));
    places.forEach((place) => rmSync(place, { recursive: true, force: true }));
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => process.exit(1)); // so that 'exit' comes
}

/** Runs whispd to its end, for subcommands and starts that must fail. */
export async function run(args, env = {}) {
    const child = spawn(whispd, args, { env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
    alive.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    const ended = new Promise((done, fail) => {
        child.on('error', fail);
        child.on('close', (code, signal) => done({ code, signal, stdout, stderr }));
    });
    try {
        return await within(READY_WITHIN, () => `whispd ${args.join(' ')} did not end: ${stderr}`,
                            ended);
    } finally {
        child.kill('SIGKILL');
        alive.delete(child);
    }
}

/** This process's environment without WHISP_* options, so that only the test's own count. */
function cleanEnv(extra) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('WHISP_'));
    return { ...Object.fromEntries(inherited), ...extra };
}

class Server {
    /** Base URLs without a slash at the end, from the ready line; a restart keeps them. */
    api;
    management;
    dataDir;
    #args;
    #env;
    #command;
    #child;
    #exited;
    #log = '';
    #waiting = new Set();

    constructor({ args = [], env = {}, dataDir, openFiles } = {}) {
        this.dataDir = dataDir ?? mkdtempSync(join(tmpdir(), 'whisp-test-'));
        places.add(this.dataDir);
        this.#args = args;
        this.#env = env;
        this.#command = !openFiles ? [whispd] : ['/bin/sh', '-c', `ulimit -Sn ${openFiles.soft} && ` +
            `ulimit -Hn ${openFiles.hard} && exec "$@"`, 'sh', whispd];
    }

    get pid() {
        return this.#child?.pid;
    }

    /** All that the server has written to standard error and output, over all its starts. */
    log() {
        return this.#log;
    }

    /** The log as objects, one per line. */
    logLines() {
        return this.#log.split('\n').filter((line) => line.startsWith('{')).map((line) => {
            try {
                return JSON.parse(line);
            } catch {
                return { unreadable: line };
            }
        });
    }

    /** The first log line, from `from` on, that satisfies the predicate; waits for it. */
    async logged(predicate, what = 'the awaited log line', from = 0, ms = 10_000) {
        let look;
        const found = new Promise((done) => {
            look = () => {
                const line = this.logLines().slice(from).find(predicate);
                if (line) {
                    done(line);
                }
            };
            this.#waiting.add(look);
            look();
        });
        return within(ms, () => `${what} did not come; log:\n${this.#log}`, found)
            .finally(() => this.#waiting.delete(look));
    }

    async start() {
        const port = (url) => (url ? new URL(url).port : '0');
        const from = this.logLines().length;
        const [program, ...before] = this.#command;
        const child = spawn(program, [
            ...before,
            '--data', this.dataDir,
            '--listen', `127.0.0.1:${port(this.api)}`,
            '--management-listen', `127.0.0.1:${port(this.management)}`,
            '--log-format', 'json',
            '--hash-cost', '1m/1',
            ...this.#args,
        ], { env: cleanEnv({ ...UNLIMITED, ...this.#env }), stdio: ['ignore', 'pipe', 'pipe'] });
        this.#child = child;
        alive.add(child);
        for (const stream of [child.stdout, child.stderr]) {
            stream.setEncoding('utf8').on('data', (text) => {
                this.#log += text;
                this.#waiting.forEach((look) => look());
            });
        }
        const failed = new Promise((_, fail) => child.on('error', fail));
        this.#exited = Promise.race([failed, new Promise((done) => {
            child.on('close', (code, signal) => {
                alive.delete(child);
                done({ code, signal });
            });
        })]);
        this.#exited.catch(() => {});
        const died = this.#exited.then(({ code, signal }) => {
            throw new Error(`whispd ended before it was ready (${signal ?? code}):\n${this.#log}`);
        });
        died.catch(() => {});
        const ready = await Promise.race([
            died,
            this.logged((line) => line.event === 'ready', 'the ready line', from, READY_WITHIN),
        ]);
        this.api = ready.api.replace(/\/$/, '');
        this.management = ready.management.replace(/\/$/, '');
        return this;
    }

    /** The way the process ended: {code, signal}. */
    async exited() {
        return within(EXIT_WITHIN, () => `whispd did not end; log:\n${this.#log}`, this.#exited);
    }

    signal(name) {
        this.#child.kill(name);
    }

    /** Reads nothing more of the log until resumeLog(): the server's pipe fills up. */
    pauseLog() {
        this.#child?.stderr.pause();
    }

    resumeLog() {
        this.#child?.stderr.resume();
    }

    /** Asks it to end, without removing anything, and checks that it ended well. */
    async terminate() {
        this.signal('SIGTERM');
        const { code, signal } = await this.exited();
        this.#child = undefined;
        assert.equal(signal ?? code, 0, `whispd did not end with 0; log:\n${this.#log}`);
    }

    /** Ends the server (must exit with 0) and removes its data directory. */
    async stop() {
        try {
            if (this.#child) {
                await this.terminate();
            }
        } finally {
            this.#child?.kill('SIGKILL');
            rmSync(this.dataDir, { recursive: true, force: true });
        }
    }

    /** Kills it outright; restart() brings it back on the same data directory and ports. */
    async kill9() {
        this.signal('SIGKILL');
        await this.exited();
        this.#child = undefined;
    }

    async restart() {
        if (this.#child) {
            await this.terminate();
        }
        return this.start();
    }
}

/**
 * Starts whispd on free ports with a data directory of its own and resolves when it is ready.
 * options: args (more command line), env (more environment), dataDir (an existing one), openFiles
 * ({soft, hard}: its limits).
 */
export async function startServer(options) {
    const server = new Server(options);
    try {
        return await server.start();
    } catch (error) {
        await server.stop().catch(() => {});
        throw error;
    }
}

// ---------------------------------------------------------------- requests

function credentials(who) {
    if (who?.jwt) {
        return { authorization: `Bearer ${who.jwt}` };
    }
    if (who?.accessToken) {
        return { authorization: `Bearer ${who.accessToken}` };
    }
    return who?.token ? { 'x-api-key': who.token } : {};
}

async function request(base, who, method, path, body, headers = {}) {
    const init = { method, headers: { ...credentials(who), ...headers }, redirect: 'manual' };
    if (body !== undefined) {
        const asIs = typeof body === 'string' || body instanceof Uint8Array ||
            body instanceof ReadableStream;
        init.body = asIs ? body : JSON.stringify(body);
        init.duplex = 'half';
        const named = Object.keys(init.headers).some((h) => h.toLowerCase() === 'content-type');
        if (!named) {
            init.headers['content-type'] = 'application/json';
        }
    }
    for (const name of Object.keys(init.headers)) {
        if (init.headers[name] === undefined) {
            delete init.headers[name];
        }
    }
    const response = await fetch(base + path, init);
    const text = await response.text();
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
    const res = {
        method, path,
        listener: base === serverOf(who).management ? 'management' : 'api',
        status: response.status,
        headers: response.headers,
        text,
        body: text === '' ? null : isJson ? JSON.parse(text) : text,
    };
    described.answer(res, init.body);
    return res;
}

function serverOf(who) {
    return who.server ?? who;
}

/** A request to the chat API: {status, headers, body, text}; a header of undefined is left out. */
export function api(who, method, path, body, headers) {
    return request(serverOf(who).api, who, method, path, body, headers);
}

/** The same to the management API. */
export function manage(who, method, path, body, headers) {
    return request(serverOf(who).management, who, method, path, body, headers);
}

/** Checks the status, shows the answer if it is another, and returns the answer. */
export function expectStatus(res, status) {
    assert.equal(res.status, status, `${res.method} ${res.path} answered ${res.status} ${res.text}`);
    return res;
}

const EXPOSED = ['authorization', 'x-request-id', 'retry-after', 'ratelimit-limit',
                 'ratelimit-remaining', 'ratelimit-reset'];

/** What every answer carries: request id, no caching, no sniffing, CORS on the chat API. */
export function expectConventions(res) {
    const at = `${res.method} ${res.path} (${res.status})`;
    assert.match(res.headers.get('x-request-id') ?? '', /^[\x21-\x7e]+$/, `${at}: X-Request-Id`);
    assert.equal(res.headers.get('cache-control'), 'no-store', `${at}: Cache-Control`);
    assert.equal(res.headers.get('x-content-type-options'), 'nosniff', `${at}: nosniff`);
    if (res.listener === 'api') {
        assert.equal(res.headers.get('access-control-allow-origin'), '*', `${at}: CORS`);
        assert.equal(res.headers.get('access-control-allow-credentials'), null, `${at}: CORS`);
        const exposed = (res.headers.get('access-control-expose-headers') ?? '').toLowerCase()
            .split(/\s*,\s*/);
        assert.deepEqual(EXPOSED.filter((name) => !exposed.includes(name)), [],
                         `${at}: headers that CORS does not expose`);
    }
}

/**
 * Checks an error in full: status, shape, headers. `code` is a string, a list of them or a
 * pattern; without it any stable code will do. Returns the body.
 */
export function expectError(res, status, code) {
    expectStatus(res, status);
    expectConventions(res);
    const at = `${res.method} ${res.path}: ${res.text}`;
    assert.match(res.headers.get('content-type') ?? '', /^application\/(problem\+)?json\b/, at);
    const { body } = res;
    assert.match(body.code, /^[A-Z][A-Z0-9_]+$/, at);
    if (code instanceof RegExp) {
        assert.match(body.code, code, at);
    } else if (code !== undefined) {
        assert.ok([code].flat().includes(body.code), `expected ${code}; ${at}`);
    }
    assert.match(body.message, /^\S.*[^\s]$/s, at);
    assert.doesNotMatch(body.message, /sql|\.c:\d|select |insert |constraint|errno/i, at);
    if (status === 401) {
        assert.deepEqual(body, {
            type: 'https://httpstatuses.com/401',
            title: 'Unauthorized',
            status: '401',
            detail: body.message,
            instance: res.path.split('?')[0],
            code: body.code,
            message: body.message,
        }, at);
        assert.ok(res.headers.get('www-authenticate'), `WWW-Authenticate is missing; ${at}`);
    } else {
        assert.deepEqual(Object.keys(body).sort(), ['code', 'message'], at);
    }
    return body;
}

// ---------------------------------------------------------------- accounts, apps, users

/** A dashboard account: {id?, email, password, companyName, accessToken, cookie}. */
export async function register(server, { email = `${unique('dev')}@example.com` } = {}) {
    const companyName = 'Acme Corp';
    const res = expectStatus(await manage(server, 'POST', '/api/auth/register',
                                          { companyName, email, password: PASSWORD }), 201);
    return { server, companyName, password: PASSWORD, ...res.body, cookie: cookieOf(res) };
}

/** The name=value of the answer's cookie, ready for a Cookie header. */
export function cookieOf(res) {
    return res.headers.get('set-cookie')?.split(';')[0];
}

/** An app of the account: the answer's fields and `account`. */
export async function createApp(account, name = unique('app')) {
    const res = expectStatus(await manage(account, 'POST', '/api/client/apps', { name }), 201);
    return { server: account.server, account, ...res.body };
}

/** An API key of the app: {id, token, keyPrefix, audience, ...}. */
export async function createKey(app) {
    const res = await manage(app.account, 'POST', `/api/client/apps/${app.id}/keys`);
    return { server: app.server, ...expectStatus(res, 201).body };
}

/** The same, of an app and an account of its own. */
export async function newKey(server) {
    return createKey(await createApp(await register(server)));
}

/** A signed-in user of the app. The app's first user makes the key that the later ones use too. */
export async function createUser(app, username = unique('user')) {
    app.key ??= await createKey(app);
    const email = `${unique('mail')}@example.com`;
    expectStatus(await api(app.key, 'POST', '/api/user/registerUser',
                           { username, email, password: PASSWORD }), 201);
    return signIn(app, username);
}

/** A session of its own for a user who is registered already. */
export async function signIn(app, username, password = PASSWORD) {
    app.key ??= await createKey(app);
    const res = await api(app.key, 'POST', '/api/user/signin', { username, password });
    const jwt = expectStatus(res, 200).headers.get('authorization');
    return { server: app.server, app, password, ...res.body, jwt };
}

/** An account with an app and as many signed-in users as there are names. */
export async function createTenant(server, ...names) {
    const account = await register(server);
    const app = await createApp(account);
    const users = [];
    for (const name of names) {
        users.push(await createUser(app, name));
    }
    return { account, app, users };
}

/** A chat of these users; the first one makes it. Resolves with its ChatDetails. */
export async function createChat(creator, ...others) {
    const userNames = [creator, ...others].map((user) => user.username);
    const res = await api(creator, 'POST', '/api/chat/createChat',
                          { chatName: unique('chat'), userNames });
    return expectStatus(res, 201).body;
}

/** A ticket for the realtime door. */
export async function getTicket(user) {
    return expectStatus(await api(user, 'GET', '/api/auth/getTicket'), 200).body.ticket;
}

// ---------------------------------------------------------------- checks of many

/**
 * Sends the valid body with one field spoilt at a time and expects a 400 that names the field.
 * `bad` maps a field to a list of values; undefined stands for leaving the field out.
 */
export async function expectBadFields(send, valid, bad) {
    for (const [field, values] of Object.entries(bad)) {
        for (const value of values) {
            const { message } = expectError(await send({ ...valid, [field]: value }), 400);
            const shown = JSON.stringify(value)?.slice(0, 60) ?? 'missing';
            assert.ok(message.includes(field),
                      `${field}: ${shown} was refused without naming the field: ${message}`);
        }
    }
}

/** The values of the wrong JSON type (or none) for a field that must be text. */
export const NOT_TEXT = [undefined, null, 7, true, ['x'], { x: 1 }, ''];

/** Repeats `probe` until it gives something true, at most for `ms`; for effects without an event. */
export async function eventually(what, probe, ms = 10_000) {
    ms *= SLOWER;
    const end = Date.now() + ms;
    for (;;) {
        const result = await probe();
        if (result) {
            return result;
        }
        assert.ok(Date.now() < end, `${what}: not so after ${ms} ms`);
        await new Promise((done) => setTimeout(done, 20));
    }
}

/** A JWT's header and claims, unverified. */
export function claimsOf(jwt) {
    const [header, claims] = jwt.split('.').slice(0, 2)
        .map((part) => JSON.parse(Buffer.from(part, 'base64url')));
    return { header, claims };
}

/** The token with the last byte of its signature changed. */
export function tampered(jwt) {
    const [header, claims, signature] = jwt.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    bytes[bytes.length - 1] ^= 1;
    return [header, claims, bytes.toString('base64url')].join('.');
}
