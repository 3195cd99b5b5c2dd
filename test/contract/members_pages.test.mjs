// getUsers of a chat with a thousand members: pages, and all of them part by part.

import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { api, createTenant, expectError, expectStatus, PASSWORD, startServer } from './harness.mjs';

const MEMBERS = 1000;
let server, app, ann, chatId, all;
before(async () => {
    server = await startServer({ args: ['--request-rate', 'off', '--key-rate', 'off'] });
    ({ app, users: [ann] } = await createTenant(server, 'ann'));
    const names = Array.from({ length: MEMBERS }, (_, i) => i ? `member${i}` : 'ann');
    for (let i = 1; i < MEMBERS; i += 50) {
        await Promise.all(names.slice(i, i + 50).map(async (username) => expectStatus(await api(app.key, 'POST',
            '/api/user/registerUser', { username, email: `${username}@example.com`, password: PASSWORD }), 201)));
    }
    ({ chatId } = expectStatus(await api(ann, 'POST', '/api/chat/createChat', { chatName: 'all', userNames: names }), 201).body);
    all = await members('');
});
after(() => server?.stop());

const ask = (query) => api(ann, 'GET', `/api/chat/getUsers/${chatId}${query}`);
const members = async (query) => expectStatus(await ask(query), 200).body.users.map(({ username }) => username);

/** A bare request, so that its head and the way it comes can be seen. */
async function begin(method = 'GET') {
    const request = http.request(`${server.api}/api/chat/getUsers/${chatId}`,
                                 { method, headers: { authorization: `Bearer ${ann.jwt}` }, agent: new http.Agent({ keepAlive: true }) });
    request.end();
    const [response] = await once(request, 'response');
    return response;
}

test('without parameters all come, each once, in chunks', async () => {
    assert.equal(all.length, MEMBERS);
    assert.equal(new Set(all).size, MEMBERS);
    const response = await begin();
    assert.equal(response.headers['transfer-encoding'], 'chunked');
    let text = '';
    response.setEncoding('utf8').on('data', (part) => (text += part));
    await once(response, 'end');
    assert.equal(JSON.parse(text).users.length, MEMBERS);
    assert.equal(JSON.parse(text).nextCursor, null);
});

test('pages are those of the whole list, in its order', async () => {
    const found = [];
    let cursor = '';
    do {
        const { body } = expectStatus(await ask(`?size=300${cursor && `&cursor=${cursor}`}`), 200);
        assert.ok(body.users.length === 300 || body.nextCursor === null);
        found.push(...body.users.map(({ username }) => username));
        cursor = body.nextCursor;
    } while (cursor);
    assert.deepEqual(found, all);
    assert.equal((await members('?size=5000')).length, MEMBERS);
    assert.equal((await members('?size=1')).length, 1);
});

test('nobody who stays is left out or comes twice while others leave and join between pages', async () => {
    const first = expectStatus(await ask('?size=400'), 200).body;
    for (const username of [first.users[0].username, first.users[399].username, all[700]]) {
        const { userId } = expectStatus(await ask(''), 200).body.users.find((user) => user.username === username);
        if (userId !== ann.id) {
            expectStatus(await api(ann, 'POST', '/api/chat/removeUser', { chatId, removeUser: userId }), 200);
        }
    }
    const rest = [];
    for (let { nextCursor } = first; nextCursor;) {
        const { body } = expectStatus(await ask(`?size=400&cursor=${nextCursor}`), 200);
        rest.push(...body.users.map(({ username }) => username));
        nextCursor = body.nextCursor;
    }
    assert.deepEqual(rest, all.slice(400).filter((username) => username !== all[700]));
});

test('a cursor that was not given, and a size that is none, are refused', async () => {
    for (const query of ['?cursor=x', '?cursor=1-2', `?cursor=zz-${ann.id}`, `?cursor=-${ann.id}`]) {
        assert.match(expectError(await ask(query), 400).message, /cursor/);
    }
    for (const size of ['0', 'x', '-1']) {
        assert.match(expectError(await ask(`?size=${size}`), 400).message, /size/);
    }
});

test('HEAD has no body, and the connection goes on', async () => {
    const response = await begin('HEAD');
    assert.equal(response.statusCode, 200);
    response.resume();
    await once(response, 'end');
    assert.equal((await members('?size=10')).length, 10);
});

test('one who leaves in the middle disturbs nobody', async () => {
    await Promise.all(Array.from({ length: 20 }, async () => (await begin()).destroy()));
    assert.ok((await members('')).length >= MEMBERS - 3);
});
