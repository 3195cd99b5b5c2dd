// The reference page in a browser: it shows its listener's document, asks no other host for anything,
// breaks no rule of its policy, and axe-core finds nothing serious in it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { readDocuments } from '../contract/description.mjs';
import { startServer } from '../contract/harness.mjs';
import { LAUNCH } from './browser.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RENDERED_WITHIN = 120_000; // a second or two on a machine that has nothing else to do

const documents = readDocuments();
const server = await startServer();
const browser = await chromium.launch(LAUNCH);
after(async () => {
    await browser.close();
    await server.stop();
});

/** The page, when it shows the document: with what it asked for, and what went wrong. */
async function open(url, viewport) {
    const page = await browser.newPage({ viewport });
    const seen = { page, asked: [], wrong: [] };
    page.on('request', (request) => seen.asked.push(request.url()));
    page.on('console', (message) => message.type() === 'error' && seen.wrong.push(message.text()));
    page.on('pageerror', (error) => seen.wrong.push(error.message));
    await page.goto(`${url}/reference`);
    await page.waitForSelector('h1', { timeout: RENDERED_WITHIN });
    return seen;
}

test('a server that was built without Redoc says so, and leads to the document', async () => {
    const page = await browser.newPage();
    const standIn = readFileSync(new URL('../../src/api/pages/no_redoc.js', import.meta.url), 'utf8');
    await page.route('**/redoc.js', (route) => route.fulfill({ contentType: 'text/javascript', body: standIn }));
    await page.goto(`${server.api}/reference`);
    await page.getByText('built without the script').waitFor();
    await page.getByRole('link', { name: 'openapi.json' }).click();
    await page.waitForURL(`${server.api}/openapi.json`);
    await page.close();
});

const VIEWPORTS = { 'on a desk': { width: 1400, height: 900 }, 'on a telephone': { width: 390, height: 800 } };

for (const listener of ['api', 'management']) {
    const { info, paths } = documents[listener];
    for (const [where, viewport] of Object.entries(VIEWPORTS)) {
        describe(`the reference of the ${listener} listener ${where}`, () => {
            let opened;
            before(async () => {
                opened = await open(server[listener], viewport);
            });
            after(() => opened?.page.close());

            test('shows every operation of its document', async () => {
                const { page } = opened;
                assert.match(await page.title(), /Whisp/);
                assert.match(await page.innerText('h1'), new RegExp(info.title));
                const shown = await page.innerText('main');
                for (const item of Object.values(paths)) {
                    Object.values(item).forEach(({ summary }) => assert.ok(shown.includes(summary), summary));
                }
            });

            test('asks no other host, and breaks no rule of its policy', async () => {
                const { asked, wrong } = opened;
                const others = asked.filter((url) => !url.startsWith(server[listener]) && !url.startsWith('data:'));
                assert.deepEqual(others, []);
                assert.deepEqual(wrong, []);
            });

            test('has nothing that axe finds serious', async () => {
                const { page } = opened;
                await page.evaluate(axe);
                const { violations } = await page.evaluate('axe.run()');
                const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
                assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.slice(0, 5).map(({ html }) => html)]), []);
            });
        });
    }
}
