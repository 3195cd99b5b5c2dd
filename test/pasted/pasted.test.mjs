// README and quickstarts, their shell lines pasted as they stand, install lines too: npm fetches what
// they name. With the Node that runs this, and with those of NODES="18 22", say, as npm has them.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { startServer, within } from '../contract/harness.mjs';

const WAIT = 60_000; // for what npm fetches
const root = fileURLToPath(new URL('../../', import.meta.url));
const NPM_OF = { 18: '9.2.0' }; // Debian 12's

/** A shell as its user has it after a while: what it prints is in `output`. It ends with `end()`. */
class Shell {
    output = '';
    #child;
    #cwd;
    #look = () => {};

    constructor(cwd, path) {
        this.#cwd = cwd;
        const env = { ...process.env, PATH: path, HOME: cwd, npm_config_update_notifier: 'false' };
        Object.keys(env).filter((name) => /^(NODE_|npm_(?!config_)|WHISP)/.test(name)).forEach((name) => delete env[name]);
        this.#child = spawn('bash', ['--norc'], { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
        for (const stream of [this.#child.stdout, this.#child.stderr]) {
            stream.setEncoding('utf8').on('data', (text) => {
                this.output += text;
                this.#look();
            });
        }
        process.once('exit', () => this.#kill());
    }

    #kill() {
        try {
            process.kill(-this.#child.pid, 'SIGKILL'); // with what it has started
        } catch { /* it has ended */ }
    }

    /** Resolves with the match in what is printed from now on. */
    paste(text, pattern) {
        const from = this.output.length;
        const found = new Promise((done) => {
            this.#look = () => {
                const match = pattern.exec(this.output.slice(from));
                if (match) done(match);
            };
        });
        this.#child.stdin.write(text);
        return within(WAIT, () => `${pattern} was not printed after\n${text}\nbut:\n${this.output.slice(from)}`, found);
    }

    /**
     * Runs lines that end in this shell, and resolves with what they printed; the last one has succeeded.
     * They come from a file: npm 9's init waits for its standard input, unless that is a terminal.
     */
    async run(text) {
        const from = this.output.length;
        const file = join(this.#cwd, '.pasted.sh');
        writeFileSync(file, text);
        const [, status] = await this.paste(`. ${file} </dev/null; echo "ended: $?"\n`, /^ended: (\d+)$/m);
        const said = this.output.slice(from).replace(/^ended: .*\n/m, '');
        assert.equal(status, '0', `${text}\n${said}`);
        return said;
    }

    async end() {
        const ended = new Promise((done) => this.#child.on('close', done));
        this.#kill();
        await ended;
    }
}

/** The blocks of a page: {language, code, file}, without the indentation of a list. */
function blocksOf(page) {
    let before = 0;
    const text = readFileSync(join(root, page), 'utf8');
    return [...text.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms)].map(({ index, 0: all, 1: indent, 2: language, 3: code }) => {
        const file = /Save(?: this)? as `([^`]+)`/.exec(text.slice(before, index))?.[1];
        before = index + all.length;
        return { language, file, code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), '') };
    });
}

const shellBlocks = (page) => blocksOf(page).filter(({ language }) => language === 'sh').map(({ code }) => code);

/** A PATH that begins with this version of Node and an npm of its time, kept in build/. */
function pathWith(version) {
    if (version === process.versions.node) return [dirname(process.execPath), process.env.PATH].join(delimiter);
    const place = join(root, 'build', `node${version}`);
    const node = `node-linux-${process.arch}`;
    const bin = join(place, 'node_modules', node, 'bin');
    if (!existsSync(bin) || !existsSync(join(place, 'node_modules/npm'))) {
        mkdirSync(place, { recursive: true });
        execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', place, `${node}@${version}`,
                             `npm@${NPM_OF[version] ?? '10'}`]);
    }
    return [bin, join(place, 'node_modules/.bin'), process.env.PATH].join(delimiter);
}

async function freePort() {
    const taken = createServer();
    await new Promise((done) => taken.listen(0, '127.0.0.1', done));
    const { port } = taken.address();
    await new Promise((done) => taken.close(done));
    return port;
}

const inRepository = (page) => /In this repository, `([^`]+)`/.exec(readFileSync(join(root, page), 'utf8'))[1];
const tree = () => execFileSync('git', ['-C', root, 'status', '--porcelain'], { encoding: 'utf8' });

for (const version of new Set([process.versions.node, ...(process.env.NODES ?? '').split(/\s+/).filter(Boolean)])) {
    describe(`pasted with Node ${version}`, () => {
        const opened = [];
        let server, path, step1;

        /** A shell in an empty folder. */
        function open() {
            const place = mkdtempSync(join(tmpdir(), 'whisp-pasted-'));
            const shell = new Shell(place, path);
            opened.push({ shell, place });
            const save = (name, code) => writeFileSync(join(place, name), code);
            return Object.assign(shell, { save });
        }

        before(async () => {
            server = await startServer();
            path = pathWith(version);
            const [code] = shellBlocks('README.md');
            assert.ok(code.includes('http://127.0.0.1:8081'));
            step1 = code.replace('http://127.0.0.1:8081', server.management);
        });
        after(async () => {
            await Promise.all(opened.map(({ shell }) => shell.end()));
            await server?.stop();
            opened.forEach(({ place }) => rmSync(place, { recursive: true, force: true }));
        });

        test('step 1 works as often as there are keys to give, and then says why not', async () => {
            const values = [];
            const shell = open();
            for (let time = 0; time < 5; time++) {
                await shell.run(step1);
                values.push((await shell.run('echo $WHISP_API_KEY $WHISP_URL $APP')).trim().split(' '));
                const [key, url] = values.at(-1);
                assert.match(key, /^[\w-]+\.[\w-]+\.[\w-]+$/);
                assert.equal(url, server.api);
            }
            assert.equal(new Set(values.map(([key]) => key)).size, 5);
            assert.equal(new Set(values.map(([, , app]) => app)).size, 1, 'one app');
            assert.match(await shell.run(step1), /key/i);
            assert.equal(await shell.run('echo "$WHISP_API_KEY"'), '\n');
            await server.stop();
            assert.match(await shell.run(step1), /connect/i);
            server = await startServer();
            step1 = step1.replace(/http:\/\/127\.0\.0\.1:\d+/, server.management);
        });

        test('the README: two users talk, the second time, too', async () => {
            const shell = open();
            const [, install, run] = shellBlocks('README.md');
            const { file, code } = blocksOf('README.md').find(({ language }) => language === 'js');
            await shell.run(step1);
            shell.save(file, code);
            await shell.run(install);
            for (let time = 0; time < 2; time++) {
                await shell.paste(`timeout --signal=INT --preserve-status 5 ${run}`, /(?=[^]*ann sees SEND_MSG Hello, Ann!)(?=[^]*bob sees SEND_MSG Hello, Bob!)/);
            }
        });

        for (const page of ['docs/quickstart-node.md', 'docs/quickstart-browser.md', 'sdk/README.md']) {
            test(`${page}: the SDK is packed without a trace in the repository`, async () => {
                const was = tree();
                const shell = open();
                const said = await shell.run(`cd ${root} && ${inRepository(page)}`);
                const archive = /whisp-sdk-[\d.]+\.tgz/.exec(said)[0];
                assert.equal(tree(), was);
                assert.ok(shellBlocks(page)[0].includes(` /tmp/${archive}`));
            });
        }

        test('the quickstart for Node prints what it says', async () => {
            const page = 'docs/quickstart-node.md';
            const shell = open();
            await shell.run(step1);
            await shell.run(shellBlocks(page)[0]);
            for (const { file, code } of blocksOf(page)) if (file) shell.save(file, code);
            const { code } = blocksOf(page).find(({ language }) => language === 'text');
            assert.equal(await shell.run('node quickstart.mjs'), code);
        });

        test('the quickstart for browsers is served, with its backend', async () => {
            const page = 'docs/quickstart-browser.md';
            const [install, run] = shellBlocks(page);
            const shell = open();
            await shell.run(step1);
            await shell.run(install);
            const port = await freePort();
            for (const { file, code } of blocksOf(page)) if (file) shell.save(file, code.replaceAll('3000', `${port}`));
            const [, url] = await shell.paste(run, /Local:\s+(?:\x1b\[\d+m)*(http:\S+?)(?:\x1b|\s)/);
            const { origin } = new URL(url.replaceAll(/\x1b\[\d+m/g, ''));
            assert.match(await (await fetch(origin)).text(), /main\.jsx/);
            assert.match(await (await fetch(`${origin}/main.jsx`)).text(), /createRoot/);
            const made = await fetch(`${origin}/auth/register`, { method: 'POST', body: JSON.stringify({
                username: 'eve', email: 'eve@example.com', password: 'a good passphrase' }) });
            assert.equal(made.status, 200, await made.text());
        });
    });
}
