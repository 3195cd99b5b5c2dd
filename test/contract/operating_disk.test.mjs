// A disk that is full. Its stand-in is a limit of the size of files, set on the running process
// and lifted again: every write to the store fails, as on a full disk, whatever the file system,
// and without privileges.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import {
    api, createApp, createChat, createTenant, eventually, expectError, expectStatus, manage, register,
    startServer, PASSWORD, unique,
} from './harness.mjs';
import { connect } from './realtime.mjs';

const server = await startServer();
after(() => server.stop());

let account, app, ann, bob, chat, session;
before(async () => {
    ({ account, app, users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
    chat = await createChat(ann, bob);
    session = await connect(server, bob);
    await session.post(chat.chatId, 'before');
    fillDisk(server);
});

const limitFiles = (own, limit) => execFileSync('prlimit', ['--pid', `${own.pid}`, `--fsize=${limit}`]);
const fillDisk = (own) => limitFiles(own, '0:unlimited');
const freeDisk = (own) => limitFiles(own, 'unlimited');

function expectUnavailable(res) {
    expectError(res, 503, 'STORE_UNAVAILABLE');
    assert.match(res.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
}

test('writes are 503 with Retry-After', async () => {
    const names = { chatName: 'x', userNames: ['ann', 'bob'] };
    expectUnavailable(await api(ann, 'POST', '/api/chat/createChat', names));
    expectUnavailable(await api(ann, 'POST', '/api/chat/createChat', names,
                                { 'idempotency-key': unique('key') }));
    expectUnavailable(await api(ann, 'POST', '/api/user/changeUsername', { newUsername: unique('n') }));
    expectUnavailable(await api(ann, 'GET', '/api/auth/getTicket'));
    expectUnavailable(await api(app.key, 'POST', '/api/user/signin',
                                { username: 'ann', password: PASSWORD }));
    expectUnavailable(await api(app.key, 'POST', '/api/user/registerUser',
                                { username: unique('u'), email: `${unique('m')}@example.com`,
                                  password: PASSWORD }));
    expectUnavailable(await manage(account, 'POST', '/api/client/apps', { name: 'x' }));
    expectUnavailable(await manage(server, 'POST', '/api/auth/register',
                                   { companyName: 'x', email: `${unique('m')}@example.com`,
                                     password: PASSWORD }));
});

test('reads work, and a page of history comes although its read mark is lost', async () => {
    const history = await api(ann, 'GET', `/api/messages/getMessages/${chat.chatId}`);
    expectStatus(history, 200);
    assert.deepEqual(history.body.messages.map((message) => message.content), ['before']);
    for (const path of ['/api/user/getUser', '/api/chat/getChats', `/api/chat/getUsers/${chat.chatId}`]) {
        expectStatus(await api(ann, 'GET', path), 200);
    }
    for (const path of ['/api/client/profile', '/api/client/apps', `/api/client/apps/${app.id}/keys`]) {
        expectStatus(await manage(account, 'GET', path), 200);
    }
    const [listed] = (await api(ann, 'GET', '/api/chat/getChats')).body.chats;
    assert.equal(listed.unreadCount, 1);
});

test('a refused SEND gets an ERROR event, and the session stays', async () => {
    const { chatId } = chat;
    const event = await session.refused({ type: 'SEND_MSG', chatId, message: 'lost' });
    assert.equal(event.code, 'STORE_UNAVAILABLE');
    await session.refused({ type: 'REACT', chatId, messageId: session.events.at(-1)?.messageId ??
        (await api(ann, 'GET', `/api/messages/getMessages/${chatId}`)).body.messages[0].messageId,
                            reaction: '+1' }, 'STORE_UNAVAILABLE');
    await session.send({ type: 'TYPING', chatId }); // stores nothing
});

test('it lives, and is not ready, with the reason', async () => {
    for (const call of [api, manage]) {
        expectStatus(await call(server, 'GET', '/livez'), 200);
        const res = await call(server, 'GET', '/readyz');
        expectUnavailable(res);
        assert.match(res.body.message, /^The store takes no writes: .*(full|too large)/i);
    }
});

test('the log says it once, not for each write', async () => {
    const from = server.logLines().length;
    for (let i = 0; i < 200; i++) {
        expectUnavailable(await api(ann, 'POST', '/api/chat/createChat',
                                    { chatName: 'x', userNames: ['ann', 'bob'] },
                                    { 'x-request-id': 'many' }));
    }
    const lines = server.logLines().filter((line) => line.event !== 'request');
    assert.equal(lines.filter((line) => line.event === 'store takes no writes').length, 1);
    const errors = server.logLines().slice(from).filter((line) => line.level === 'error');
    assert.ok(errors.length <= 5, JSON.stringify(errors));
});

test('with space again it mends itself, without a restart and without a write of a client', async () => {
    freeDisk(server);
    await eventually('it is ready', async () => (await api(server, 'GET', '/readyz')).status === 200);
    await server.logged((line) => line.event === 'store takes writes again');
    await session.post(chat.chatId, 'after');
    const history = await api(ann, 'GET', `/api/messages/getMessages/${chat.chatId}`);
    assert.deepEqual(history.body.messages.map((message) => message.content), ['after', 'before']);
    const [listed] = (await api(ann, 'GET', '/api/chat/getChats')).body.chats;
    assert.equal(listed.unreadCount, 0);
    await createApp(await register(server));
    await session.close();
});

test('what was confirmed before the disk was full is there after a kill', async () => {
    const other = await connect(server, bob);
    const text = unique('confirmed');
    await other.post(chat.chatId, text);
    fillDisk(server);
    await other.refused({ type: 'SEND_MSG', chatId: chat.chatId, message: 'lost' });
    await server.kill9();
    await server.restart();
    const { messages } = (await api(ann, 'GET', `/api/messages/getMessages/${chat.chatId}`)).body;
    assert.deepEqual(messages.map((message) => message.content), [text, 'after', 'before']);
});

test('a server on a full disk ends in good order', async () => {
    fillDisk(server);
    await eventually('it is not ready', async () => {
        await api(ann, 'POST', '/api/chat/createChat', { chatName: 'x', userNames: ['ann', 'bob'] });
        return (await api(server, 'GET', '/readyz')).status === 503;
    });
    await server.terminate();
});
