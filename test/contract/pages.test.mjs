// The documents and the reference page, as a listener serves them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { api, expectError, expectStatus, manage, startServer } from './harness.mjs';

const server = await startServer();
after(() => server.stop());

const file = (name) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const ROWS = [
    ['the chat API', api, '/openapi.json', 'application/json', 'docs/openapi/chat.json'],
    ['the chat API', api, '/asyncapi.json', 'application/json', 'docs/openapi/asyncapi.json'],
    ['the management API', manage, '/openapi.json', 'application/json', 'docs/openapi/management.json'],
    ['the chat API', api, '/', 'text/html; charset=utf-8', 'src/api/pages/chat.html'],
    ['the management API', manage, '/', 'text/html; charset=utf-8', 'src/api/pages/management.html'],
    ...[['the chat API', api], ['the management API', manage]].flatMap(([listener, send]) => [
        [listener, send, '/reference', 'text/html; charset=utf-8', 'src/api/pages/reference.html'],
        [listener, send, '/reference/style.css', 'text/css; charset=utf-8', 'src/api/pages/style.css'],
        [listener, send, '/reference/redoc.js', 'text/javascript; charset=utf-8', 'build/pages/redoc.js'],
    ]),
];

for (const [listener, send, path, type, source] of ROWS) {
    describe(`${path} of ${listener}`, () => {
        const get = (headers) => send(server, 'GET', path, undefined, headers);

        test('is the file of the repository, compressed or not', async () => {
            for (const coding of ['identity', 'gzip', 'br, gzip, deflate']) {
                const res = expectStatus(await get({ 'accept-encoding': coding }), 200);
                assert.equal(res.text, file(source), coding);
                assert.equal(res.headers.get('content-type'), type);
                assert.equal(res.headers.get('content-encoding'), coding === 'identity' ? null : 'gzip');
                assert.match(res.headers.get('vary'), /\bAccept-Encoding\b/);
                assert.equal(res.headers.get('x-content-type-options'), 'nosniff');
            }
        });

        test('is not sent again to who has it', async () => {
            const tags = new Set();
            for (const coding of ['identity', 'gzip']) {
                const { headers } = await get({ 'accept-encoding': coding });
                const etag = headers.get('etag');
                tags.add(etag);
                assert.equal(headers.get('cache-control'), 'no-cache');
                for (const list of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
                    const again = await get({ 'accept-encoding': coding, 'if-none-match': list });
                    assert.equal(expectStatus(again, 304).text, '', list);
                    assert.equal(again.headers.get('etag'), etag);
                }
                expectStatus(await get({ 'accept-encoding': coding, 'if-none-match': '"other"' }), 200);
            }
            assert.equal(tags.size, 2, 'two codings, two tags');
        });

        test('takes GET and HEAD only', async () => {
            const head = expectStatus(await send(server, 'HEAD', path, undefined, { 'accept-encoding': 'identity' }), 200);
            assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(file(source))));
            const res = await send(server, 'POST', path, {});
            expectError(res, 405, 'METHOD_NOT_ALLOWED');
            assert.equal(res.headers.get('allow'), 'GET, HEAD');
        });
    });
}

test('the management listener has no realtime protocol to describe', async () => {
    expectError(await manage(server, 'GET', '/asyncapi.json'), 404);
});

test('the reference page may load nothing from elsewhere, and asks for nothing', async () => {
    const { headers, text } = await api(server, 'GET', '/reference');
    const policy = Object.fromEntries(headers.get('content-security-policy').split('; ')
        .map((directive) => directive.split(/ (.*)/)));
    assert.equal(policy['default-src'], "'none'");
    assert.equal(policy['script-src'], "'self'");
    assert.equal(policy['connect-src'], "'self'");
    assert.equal(policy['frame-ancestors'], "'none'");
    for (const sources of Object.values(policy)) {
        assert.doesNotMatch(sources, /unsafe|http|\*/);
    }
    const ofNothing = createHash('sha256').update('').digest('base64');
    assert.ok(policy['style-src'].includes(`'sha256-${ofNothing}'`));
    assert.doesNotMatch(text, /https?:|<script>|<style>| on\w+=/);
    assert.doesNotMatch(file('build/pages/redoc.js'), /cdn\.redoc\.ly/);
});

for (const [listener, send] of [['the chat API', api], ['the management API', manage]]) {
    test(`every link of the pages of ${listener} leads on, with a path before it, too`, async () => {
        for (const from of ['/', '/reference', '/reference/']) {
            const moved = await send(server, 'GET', from);
            const location = moved.headers.get('location');
            assert.equal(location !== null, from === '/reference/', from);
            const at = new URL(location ?? from, `http://host/prefix${from}`).pathname.replace(/^\/prefix/, '');
            const { text } = location ? await send(server, 'GET', at) : moved;
            const links = [...text.matchAll(/(?:href|src|spec-url)="(?!data:)([^"]*)"/g)].map(([, link]) => link);
            assert.ok(links.includes('openapi.json'), `${from}: ${links}`);
            for (const link of links) {
                const { pathname } = new URL(link, `http://host/prefix${at}`);
                assert.match(pathname, /^\/prefix\//, link);
                expectStatus(await send(server, 'GET', pathname.replace('/prefix', '')), 200);
            }
        }
    });
}

test('the documents name as their server the place they were read from', async () => {
    for (const send of [api, manage]) {
        const { body } = await send(server, 'GET', '/openapi.json');
        const { href } = new URL(body.servers[0].url, 'http://host/prefix/openapi.json');
        assert.equal(href, 'http://host/prefix/');
    }
});
