// script/setup and the Makefile on a machine that lacks things: apt-get, dpkg-query and npm are stand-ins
// that say what they were asked.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, test } from 'node:test';
import { within } from './harness.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const MISSING_NPM = 'echo "npm: no registry" >&2; exit 1';
const places = [];
afterEach(() => places.splice(0).forEach((place) => rmSync(place, { recursive: true, force: true })));

/** A folder with script/setup and the stand-ins: name to shell script. */
function machine(standIns) {
    const place = mkdtempSync(join(tmpdir(), 'whisp-setup-'));
    places.push(place);
    ['bin', 'script', 'vendor'].forEach((name) => mkdirSync(join(place, name)));
    copyFileSync(join(root, 'script/setup'), join(place, 'script/setup'));
    const all = {
        'dpkg-query': 'for p; do case $p in -*|\\$*) ;; curl) ;; *) echo "$p installed" ;; esac; done',
        'apt-get': 'exit 0',
        sudo: 'exec "$@"',
        npm: MISSING_NPM,
        ...standIns,
    };
    for (const [name, script] of Object.entries(all)) {
        writeFileSync(join(place, 'bin', name), `#!/bin/sh\n${script}\n`);
        chmodSync(join(place, 'bin', name), 0o755);
    }
    return place;
}

/** Runs script/setup there: {code, said}, what it said line by line. */
async function setup(place, goal, env = {}) {
    const child = spawn('script/setup', [goal], {
        cwd: place, stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, PATH: `${join(place, 'bin')}:${process.env.PATH}`, APT_SAYS_EVERY: '0.05', ...env } });
    let said = '';
    [child.stdout, child.stderr].forEach((stream) => stream.on('data', (text) => { said += text; }));
    const code = await within(60_000, () => `script/setup ${goal} did not end: ${said}`,
                              new Promise((done) => child.on('close', done)));
    return { code, said };
}

test('building installs curl, which the README uses', async () => {
    const place = machine({ 'apt-get': 'echo "$@" >>"$ASKED"' });
    const asked = join(place, 'asked');
    const { code, said } = await setup(place, 'build', { ASKED: asked });
    assert.equal(code, 0, said);
    assert.match(readFileSync(asked, 'utf8'), / install .* curl$/m);
});

test('a long installation says how far it is', async () => {
    const place = machine({ 'apt-get': `
        case "$*" in *install*) ;; *) exit 0 ;; esac
        echo "Get:1 http://deb.debian.org curl"
        while ! [ -e told ]; do sleep 0.02; done
        echo "Setting up curl"` });
    const running = setup(place, 'build');
    const heard = running.then(({ code, said }) => {
        assert.equal(code, 0, said);
        assert.match(said, /reading apt's lists/);
        assert.match(said, /1 fetched, 0 unpacked, 0 set up/);
    });
    setTimeout(() => writeFileSync(join(place, 'told'), ''), 1000); // apt is at work meanwhile
    await heard;
});

test('what apt said is shown when it could not install', async () => {
    const place = machine({ 'apt-get': 'case "$*" in *install*) echo "E: no space left"; exit 100 ;; esac' });
    const { code, said } = await setup(place, 'build');
    assert.equal(code, 1);
    assert.match(said, /no space left[\s\S]*could not install: curl/);
});

test('without the npm registry setting up goes on, and says what will be missing', async () => {
    const { code, said } = await setup(machine(), 'build');
    assert.equal(code, 0, said);
    assert.match(said, /npm could not fetch redoc.*without its reference page/);
});

test('npm is given seconds, not minutes, where there is no registry', { timeout: 60_000 }, async () => {
    const place = machine({ npm: `exec ${execFileSync('which', ['npm'], { encoding: 'utf8' }).trim()} "$@"` });
    const begun = Date.now();
    const { code } = await setup(place, 'build', { npm_config_registry: 'http://127.0.0.1:9/', npm_config_cache: join(place, 'cache') });
    assert.equal(code, 0);
    assert.ok(Date.now() - begun < 30_000, `${Date.now() - begun} ms`);
});

test('without redoc make builds the page that says so, and with it the real one', () => {
    const place = machine();
    ['Makefile', 'LAYERS', 'src/api/pages'].forEach((name) => cpSync(join(root, name), join(place, name), { recursive: true }));
    const make = () => execFileSync('make', ['build/pages/redoc.js'], { cwd: place, encoding: 'utf8' });
    const built = () => readFileSync(join(place, 'build/pages/redoc.js'), 'utf8');
    assert.match(make(), /without the reference page/);
    assert.match(built(), /could not fetch/);
    assert.match(make(), /up to date/);
    writeFileSync(join(place, 'vendor/redoc.js'), 'redoc');
    utimesSync(join(place, 'vendor/redoc.js'), 1, 1); // however old it is
    utimesSync(join(place, 'vendor'), Date.now() / 1000 + 2, Date.now() / 1000 + 2);
    make();
    assert.equal(built(), 'redoc');
});

test('make alone installs what is missing before it builds', () => {
    const plan = execFileSync('make', ['--dry-run'], { cwd: root, encoding: 'utf8' });
    assert.match(plan.split('\n')[0], /script\/setup build/);
});
