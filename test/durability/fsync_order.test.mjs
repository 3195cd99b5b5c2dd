// Nothing leaves through a socket before it is on disk: under strace, for every message, the write
// of its row to the log file comes first, then an fdatasync that begins after that and returns, and
// only then the first write to a socket that holds its RECEIPT, its event or its 2xx.
//
// The same check on a server that does not sync (WHISP_TEST_SYNCHRONOUS=off) must fail, else it
// would prove nothing.

import assert from 'node:assert/strict';
import { dirname, resolve } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readTrace, straced } from './strace.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const tracer = straced(resolve(root, process.env.WHISPD ?? 'build/release/whispd'));
process.env.WHISPD = tracer.program; // before the harness looks at it
const { api, createChat, createTenant, expectStatus, startServer } = await import('../contract/harness.mjs');
const { connect } = await import('../contract/realtime.mjs');

const MESSAGES = 40; // one at a time, and as many in batches

after(() => tracer.remove());

/**
 * Changes of every kind, each with a token of its own in what is stored and in what is answered.
 * Resolves with the tokens and, for sockets, the receipt that confirms each.
 */
async function work(server) {
    const { users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
    const { chatId } = await createChat(ann, bob);
    const ws = { perMessageDeflate: false }; // or the trace could not be read
    const [anns, bobs] = await Promise.all([connect(server, ann, { ws }), connect(server, bob, { ws })]);
    const changes = [];
    const token = () => `token-${String(changes.length).padStart(4, '0')}-x`;
    const send = async (session, action) => {
        const receipt = `receipt-${String(changes.length).padStart(4, '0')}-x`;
        changes.push({ token: action.message ?? action.reaction, receipt });
        const seen = [anns, bobs].map((each) => {
            return each.next((event) => event.message === (action.message ?? action.reaction));
        });
        await Promise.all([session.send(action, { receiptId: receipt }), ...seen]);
    };

    for (let i = 0; i < MESSAGES; i++) { // one at a time
        await send(anns, { type: 'SEND_MSG', chatId, message: token() });
    }
    for (let i = 0; i < MESSAGES / 8; i++) { // many under way: batches
        await Promise.all(Array.from({ length: 8 }, (_, n) => {
            return send(n % 2 ? anns : bobs, { type: 'SEND_MSG', chatId, message: token() });
        }));
    }
    const { messageId } = await anns.post(chatId, 'to work on');
    for (let i = 0; i < 5; i++) {
        await send(anns, { type: 'EDIT_MSG', chatId, messageId, message: token() });
        await send(bobs, { type: 'REPLY', chatId, messageId, message: token() });
        await send(bobs, { type: 'REACT', chatId, messageId, reaction: token() });
    }
    for (let i = 0; i < 5; i++) { // and by REST
        const chatName = token();
        changes.push({ token: chatName });
        const made = expectStatus(await api(ann, 'POST', '/api/chat/createChat',
                                            { chatName, userNames: ['ann', 'bob'] }), 201).body;
        await bobs.next({ type: 'NEW_CHAT', chatId: made.chatId });
        const newChatName = token();
        changes.push({ token: newChatName });
        expectStatus(await api(ann, 'POST', '/api/chat/changeName',
                               { chatId: made.chatId, newChatName }), 200);
        await bobs.next({ type: 'CHAT_RENAMED', chatId: made.chatId });
    }
    await Promise.all([anns.close(), bobs.close()]);
    return changes;
}

const isSocket = ({ call, target }) => /^(write|writev|sendmsg|sendmmsg|sendto)$/.test(call) &&
    /^(TCP|socket)/.test(target);
const isSync = ({ call, target, result }) => /^f(data)?sync$/.test(call) && /-wal$/.test(target) &&
    result === 0;
const isLog = ({ call, target }) => /^pwrite/.test(call) && /-wal$/.test(target);

/** What the trace says of each change: {token, problem?}. */
function judge(changes, calls) {
    assert.ok(!calls.some(({ call }) => call === 'io_uring_enter'), 'io_uring hides what is written');
    const [sockets, syncs, log] = [isSocket, isSync, isLog].map((kind) => calls.filter(kind));
    return changes.map(({ token, receipt }) => {
        const stored = log.find(({ bytes }) => bytes.includes(token));
        if (!stored) {
            return { token, problem: 'was never written to the log file' };
        }
        const told = sockets.find(({ bytes }) => {
            return (receipt && bytes.includes(`receipt-id:${receipt}`)) || bytes.includes(token);
        });
        if (!told) {
            return { token, problem: 'was never told to anyone' };
        }
        const synced = syncs.find(({ begin }) => begin > stored.end);
        return synced && synced.end < told.begin ? { token } : { token, problem: 'was told before it was synced' };
    });
}

/** Runs the work on a server of its own and gives the verdicts. */
async function verdicts(env) {
    const server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'], env });
    const { pid } = server;
    let changes;
    try {
        changes = await work(server);
    } finally {
        await server.stop();
    }
    assert.ok(changes.length > 100);
    return judge(changes, readTrace(await tracer.output(pid)));
}

test('no RECEIPT, event or 2xx leaves before the fdatasync of its commit has returned', async (t) => {
    const all = await verdicts({});
    assert.deepEqual(all.filter(({ problem }) => problem), []);
    t.diagnostic(`${all.length} changes, each on disk before anyone was told`);
});

test('the check notices a server that does not sync', async (t) => {
    const all = await verdicts({ WHISP_TEST_SYNCHRONOUS: 'off' });
    const early = all.filter(({ problem }) => problem === 'was told before it was synced');
    assert.equal(early.length, all.length, JSON.stringify(all.slice(0, 5)));
    t.diagnostic(`${early.length} of ${all.length} changes were told before they were synced`);
});
