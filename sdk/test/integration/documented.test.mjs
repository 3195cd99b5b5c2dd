// An app for the documented SDK: it compiles against the built package, and does the same wherever
// it runs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { newKey, startServer } from '../../../test/contract/harness.mjs';
import { load, names } from './worlds.mjs';

const FOLDER = fileURLToPath(new URL('../../', import.meta.url));
const APP = join(FOLDER, 'test/app/documented_app.ts');

let server, key;

before(async () => {
    server = await startServer();
    key = await newKey(server);
});
after(() => server?.stop());

const expected = (suffix) => [
    '0 API key is required for this endpoint',
    'connect: 401',
    'false',
    'true', 'true',
    `ann${suffix} false no name`,
    '👍',
    'true',
    `ann${suffix} string, bob${suffix} string, eve${suffix} string`,
    'Dinner true Hello Ann',
    '400 true true',
    '401 AUTH_INVALID_TOKEN Unauthorized true true true', 'false',
    '1 1',
    'false false',
];

/** Its report, and that its own failing handler was told of and stopped nothing. */
async function runs({ run }, reported, suffix, more) {
    assert.deepEqual([...await run({ baseUrl: server.api, apiKey: key.token, ...more }, suffix)], expected(suffix));
    assert.equal(reported.length, 1);
    assert.match(reported[0], /^whisp-sdk: a handler failed: Error: a handler of the app/);
}

test('it compiles with tsc --strict against the built package, by each way to find it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'whisp-app-'));
    try {
        mkdirSync(join(folder, 'node_modules'));
        symlinkSync(FOLDER, join(folder, 'node_modules/whisp-sdk'));
        symlinkSync(join(FOLDER, 'node_modules/@types'), join(folder, 'node_modules/@types'));
        symlinkSync(join(FOLDER, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'));
        copyFileSync(APP, join(folder, 'app.ts'));
        writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
        for (const [module, moduleResolution, lib, types] of [
            ['esnext', 'bundler', ['es2020', 'dom'], []], ['commonjs', 'node10', ['es2020'], ['node']],
            ['nodenext', 'nodenext', ['es2022'], ['node']],
        ]) {
            writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
                compilerOptions: { strict: true, noEmit: true, skipDefaultLibCheck: true, target: 'es2020',
                                   module, moduleResolution, lib, types },
                files: ['app.ts'],
            }));
            execFileSync(process.execPath, [join(FOLDER, 'node_modules/typescript/bin/tsc'), '-p', folder],
                         { encoding: 'utf8', stdio: 'pipe' });
        }
    } catch (error) {
        assert.fail(error.stdout || error);
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
});

for (const [i, world] of names.entries()) {
    test(`it runs with the globals of ${world} and nothing else`, async () => {
        const { exports, reported } = await load(APP, world);
        await runs(exports, reported, `-${i}`);
    });
}

test('it runs in Node with the package ws', async () => {
    const reported = [];
    const { error } = console;
    console.error = (...args) => reported.push(args.map(String).join(' '));
    try {
        const { build } = await import('esbuild');
        const { outputFiles } = await build({ entryPoints: [APP], write: false, format: 'esm', target: 'node18' });
        const file = join(FOLDER, 'test/app/made.mjs'); // here, so that it finds the package
        writeFileSync(file, outputFiles[0].text);
        try {
            await runs(await import(file), reported, '-node', { webSocketImpl: WebSocket });
        } finally {
            rmSync(file);
        }
    } finally {
        console.error = error;
    }
});
