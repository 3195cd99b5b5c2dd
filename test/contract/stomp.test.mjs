// STOMP over WebSocket as a client sees it: connecting, frames, receipts, and how a bad frame ends.
// Heart-beats and time-outs are in heartbeats.test.mjs, bytes that are no WebSocket in bad_realtime.test.mjs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { api, createChat, createTenant, getTicket, signIn, startServer, unique, UNKNOWN_ID }
    from './harness.mjs';
import { stomp } from './frames.mjs';
import { connect, rawSocket } from './realtime.mjs';

let server, app, ann, bob, chatId;

before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'] });
    ({ app, users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
    ({ chatId } = await createChat(ann, bob));
});

after(() => server?.stop());

const say = (message) => JSON.stringify({ type: 'SEND_MSG', chatId, message });
const send = (message, headers = {}) => stomp('SEND', { destination: '/api/chat', ...headers }, say(message));

/** A raw socket of ann's, CONNECTED and subscribed. */
async function ready(options) {
    const socket = await rawSocket(server, ann, options);
    await socket.connect();
    await socket.subscribe();
    return socket;
}

const bodyOf = (frame) => frame.command === 'MESSAGE' ? JSON.parse(frame.body) : {};
const message = (text) => (frame) => bodyOf(frame).message === text;

// ---------------------------------------------------------------- CONNECT

describe('CONNECT', () => {
    test('CONNECTED says version, heart-beat, session, server, user-name, whisp-protocol', async () => {
        const socket = await rawSocket(server, ann);
        const { headers } = await socket.connect();
        assert.equal(headers.version, '1.2');
        assert.match(headers['heart-beat'], /^\d+,\d+$/);
        assert.ok(headers.session);
        assert.match(headers.server, /^whisp/i);
        assert.ok([ann.id, ann.username].includes(headers['user-name']), headers['user-name']);
        assert.equal(headers['whisp-protocol'], '1');
        await socket.close();
    });

    test("CONNECTED's session is the connection's own", async () => {
        const sockets = await Promise.all([1, 2, 3].map(() => rawSocket(server, ann)));
        const ids = await Promise.all(sockets.map(async (socket) => (await socket.connect()).headers.session));
        assert.equal(new Set(ids).size, 3, `the same user's sessions: ${ids}`);
        await Promise.all(sockets.map((socket) => socket.close()));
    });

    const taken = {
        'the command STOMP': (socket) => socket.send('STOMP', {
            'accept-version': '1.2', Authorization: `Bearer ${ann.jwt}` }),
        'a bare JWT': (socket) => socket.send('CONNECT', {
            'accept-version': '1.2', Authorization: ann.jwt }),
        'a host': (socket) => socket.send('CONNECT', {
            'accept-version': '1.2', host: 'example.com', Authorization: `Bearer ${ann.jwt}` }),
        'a lower-case header name': (socket) => socket.send('CONNECT', {
            'accept-version': '1.2', authorization: `Bearer ${ann.jwt}` }),
        'login and passcode, which mean nothing': (socket) => socket.send('CONNECT', {
            'accept-version': '1.2', login: 'x', passcode: 'y', Authorization: `Bearer ${ann.jwt}` }),
        'EOLs before it': (socket) => socket.write(Buffer.concat([Buffer.from('\n\r\n\n'),
            stomp('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${ann.jwt}` })])),
        'CRLF line ends': (socket) => socket.write(
            `CONNECT\r\naccept-version:1.2\r\nAuthorization:Bearer ${ann.jwt}\r\n\r\n\0`),
        'several versions': (socket) => socket.send('CONNECT', {
            'accept-version': '1.0,1.1,1.2', Authorization: `Bearer ${ann.jwt}` }),
    };
    for (const [name, open] of Object.entries(taken)) {
        test(`taken with ${name}`, async () => {
            const socket = await rawSocket(server, ann);
            open(socket);
            assert.equal((await socket.next()).headers.version, '1.2');
            await socket.close();
        });
    }

    for (const [versions, version] of [['1.1', '1.1'], ['1.0', '1.0'], ['1.0,1.1', '1.1'], [undefined, '1.0']]) {
        test(`accept-version ${versions} gives ${version}`, async () => {
            const socket = await rawSocket(server, ann);
            const { headers } = await socket.connect({ 'accept-version': versions });
            assert.equal(headers.version ?? '1.0', version);
            await socket.subscribe();
            await socket.close();
        });
    }

    test('an expired JWT is good, for the ticket proves that it was live', async () => {
        const short = await startServer({ args: ['--user-token-ttl', '2s'] });
        try {
            const { users: [max, moe] } = await createTenant(short, 'max', 'moe');
            const { chatId: shared } = await createChat(max, moe);
            const ticket = await getTicket(max);
            while ((await api(max, 'GET', '/api/user/getUser')).status === 200) {
                await new Promise((done) => setTimeout(done, 100)); // only time makes it expire
            }
            const session = await connect(short, max, { ticket });
            await session.post(shared);
            await session.close();
        } finally {
            await short.stop();
        }
    });

    const refused = {
        'without a JWT': () => ({}),
        'with an empty JWT': () => ({ Authorization: '' }),
        'with rubbish': () => ({ Authorization: 'Bearer x.y.z' }),
        'with the JWT of another user': () => ({ Authorization: `Bearer ${bob.jwt}` }),
        'with a changed signature': () => ({
            Authorization: `Bearer ${ann.jwt.slice(0, -6)}${ann.jwt.slice(-6) === 'AAAAAA' ? 'BBBBBB' : 'AAAAAA'}`,
        }),
        'with the API key': () => ({ Authorization: `Bearer ${app.key.token}` }),
        'with the refresh token': () => ({ Authorization: `Bearer ${ann.refreshToken}` }),
    };
    for (const [name, headers] of Object.entries(refused)) {
        test(`refused ${name}`, async () => {
            const socket = await rawSocket(server, ann);
            socket.send('CONNECT', { 'accept-version': '1.2', ...headers() });
            await socket.failed();
        });
    }

    test('refused with the JWT of another session of the same user', async () => {
        const again = await signIn(app, 'ann');
        const socket = await rawSocket(server, ann);
        socket.send('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${again.jwt}` });
        await socket.failed();
    });

    test('refused with versions that nobody speaks, naming those that are', async () => {
        const socket = await rawSocket(server, ann);
        socket.send('CONNECT', { 'accept-version': '2.0,3.1', Authorization: `Bearer ${ann.jwt}` });
        const { headers } = await socket.failed();
        assert.match(headers.version, /1\.2/);
    });

    test('a second CONNECT is an error', async () => {
        const socket = await ready();
        socket.send('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${ann.jwt}` });
        await socket.failed();
    });

    for (const command of ['SEND', 'SUBSCRIBE', 'BEGIN', 'DISCONNECT']) {
        test(`${command} before CONNECT is an error`, async () => {
            const socket = await rawSocket(server, ann);
            socket.send(command, { destination: '/user/queue/messages', id: '0', transaction: 't' });
            await socket.failed();
        });
    }
});

describe('subprotocols', () => {
    const rows = [
        [['v12.stomp'], 'v12.stomp'],
        [['v10.stomp', 'v11.stomp', 'v12.stomp'], 'v12.stomp'],
        [['v12.stomp', 'v10.stomp'], 'v12.stomp'],
        [['v11.stomp', 'v10.stomp'], 'v11.stomp'],
        [['v10.stomp'], 'v10.stomp'],
        [[], ''],
    ];
    for (const [offered, chosen] of rows) {
        test(`offered ${offered.join(', ') || 'none'}: ${chosen || 'none'}`, async () => {
            const socket = await rawSocket(server, ann, { protocols: offered });
            assert.equal(socket.protocol, chosen);
            await socket.connect();
            await socket.close();
        });
    }
});

// ---------------------------------------------------------------- frames

describe('frames', () => {
    test('text and binary messages alike', async () => {
        const socket = await ready();
        for (const binary of [true, false]) {
            const text = unique('kind');
            socket.write(send(text), { binary });
            await socket.next(message(text));
        }
        await socket.close();
    });

    test('many frames in one message', async () => {
        const socket = await rawSocket(server, ann);
        socket.write(Buffer.concat([
            stomp('CONNECT', { 'accept-version': '1.2', Authorization: `Bearer ${ann.jwt}` }),
            Buffer.from('\n\n'),
            stomp('SUBSCRIBE', { id: 's', destination: '/user/queue/messages', receipt: 'r0' }),
            send('joined one', { receipt: 'r1' }),
            Buffer.from('\r\n'),
            send('joined two', { receipt: 'r2' }),
        ]));
        await socket.next(message('joined two'));
        await socket.next((frame) => frame.headers['receipt-id'] === 'r2');
        const receipts = socket.frames.filter(({ command }) => command === 'RECEIPT');
        assert.deepEqual(receipts.map(({ headers }) => headers['receipt-id']), ['r0', 'r1', 'r2']);
        await socket.close();
    });

    test('one frame over many messages, cut at every byte', async () => {
        const socket = await ready();
        const bytes = send('cut — ✂️ — everywhere', { receipt: 'cut' });
        for (let i = 0; i < bytes.length; i++) {
            socket.write(bytes.subarray(i, i + 1));
        }
        await socket.next(message('cut — ✂️ — everywhere'));
        await socket.next('RECEIPT');
        await socket.close();
    });

    test('two frames that share a message in the middle', async () => {
        const socket = await ready();
        const bytes = Buffer.concat([send('first half'), send('second half')]);
        const cut = send('first half').length - 10;
        socket.write(bytes.subarray(0, cut));
        socket.write(bytes.subarray(cut, cut + 40));
        socket.write(bytes.subarray(cut + 40));
        await socket.next(message('first half'));
        await socket.next(message('second half'));
        await socket.close();
    });

    test('content-length rules over NUL; without one the first NUL ends the body', async () => {
        const socket = await ready();
        const body = say('measured');
        socket.write(send('measured', { 'content-length': Buffer.byteLength(body), receipt: 'm' }));
        await socket.next(message('measured'));
        await socket.next('RECEIPT');
        const nul = `{"type":"SEND_MSG","chatId":"${chatId}","message":"a\0b"}`;
        socket.write(stomp('SEND', {
            destination: '/api/chat', 'content-length': Buffer.byteLength(nul), receipt: 'n',
        }, nul));
        const refusal = await socket.next((frame) => bodyOf(frame).type === 'ERROR');
        assert.equal(bodyOf(refusal).receipt, 'n');
        socket.write(send('after it'));
        await socket.next(message('after it'));
        await socket.close();
    });

    test('the first of repeated headers counts', async () => {
        const socket = await ready();
        socket.send('SEND', [['destination', '/api/chat'], ['receipt', 'first'], ['receipt', 'second'],
                             ['destination', '/elsewhere']], say('repeated'));
        assert.equal((await socket.next('RECEIPT')).headers['receipt-id'], 'first');
        await socket.close();
    });

    test('header values are unescaped and escaped', async () => {
        const socket = await ready();
        const receipt = 'a:b\\c\nd\re ü 😀';
        socket.action({ type: 'TYPING', chatId }, { receipt });
        assert.equal((await socket.next('RECEIPT')).headers['receipt-id'], receipt);
        await socket.close();
    });

    test('every MESSAGE has destination, subscription, message-id, content-type, content-length', async () => {
        const socket = await rawSocket(server, ann);
        await socket.connect();
        await socket.subscribe('my:sub', { destination: `/user/${ann.id}/queue/messages`, ack: 'client' });
        socket.write(send('ünïcode'));
        const frame = await socket.next(message('ünïcode'));
        assert.equal(frame.headers.destination, `/user/${ann.id}/queue/messages`);
        assert.equal(frame.headers.subscription, 'my:sub');
        assert.equal(frame.headers['message-id'], bodyOf(frame).eventId);
        assert.equal(frame.headers.ack, frame.headers['message-id'], 'its ack mode is not auto');
        assert.equal(frame.headers['content-type'], 'application/json');
        assert.equal(Number(frame.headers['content-length']), Buffer.byteLength(frame.body));
        socket.send('ACK', { id: frame.headers['message-id'], receipt: 'ack' });
        socket.send('NACK', { id: frame.headers['message-id'], receipt: 'nack' });
        await socket.next((receipt) => receipt.headers['receipt-id'] === 'ack');
        await socket.next((receipt) => receipt.headers['receipt-id'] === 'nack');
        await socket.close();
    });

    test('MESSAGE has an ack header where the ack mode is not auto, and there only', async () => {
        const socket = await rawSocket(server, ann);
        await socket.connect();
        const modes = { none: undefined, auto: 'auto', client: 'client', each: 'client-individual' };
        for (const [id, ack] of Object.entries(modes)) {
            await socket.subscribe(id, { ack });
        }
        socket.write(send('acked'));
        for (const [id, ack] of Object.entries(modes)) {
            const { headers } = await socket.next((frame) => message('acked')(frame) && frame.headers.subscription === id);
            assert.equal(headers.ack, ack && ack !== 'auto' ? headers['message-id'] : undefined, `ack mode ${ack}`);
        }
        socket.action({ type: 'SEND_MSG', chatId, message: '' });
        const { headers } = await socket.next(({ command, headers: { subscription }, body }) => {
            return command === 'MESSAGE' && JSON.parse(body).type === 'ERROR' && subscription === 'client';
        });
        assert.equal(headers.ack, headers['message-id']);
        await socket.close();
    });

    test('one frame in each WebSocket message from the server, also in a burst', async () => {
        const [reader, writer] = [await ready(), await rawSocket(server, bob)];
        await writer.connect();
        writer.write(Buffer.concat(Array.from({ length: 200 }, (_, i) => send(`burst ${i}`))));
        for (let i = 0; i < 200; i++) {
            await reader.next(message(`burst ${i}`)); // the reader fails at a message of two frames
        }
        await reader.close();
        await writer.close();
    });
});

describe('receipts', () => {
    test('come in the order of the frames, whatever the frames are', async () => {
        const socket = await ready();
        socket.write(send('to react to'));
        const { messageId } = bodyOf(await socket.next(message('to react to')));
        const actions = [
            { type: 'SEND_MSG', chatId, message: 'one' },
            { type: 'TYPING', chatId },
            { type: 'REACT', chatId, messageId, reaction: 'x' },
            { type: 'REACT', chatId, messageId, reaction: 'x' },
            { type: 'READ_MSG', chatId, messageId },
            { type: 'SEND_MSG', chatId: UNKNOWN_ID, message: 'refused' },
            { type: 'EDIT_MSG', chatId, messageId, message: 'edited' },
            { type: 'REPLY', chatId, messageId, message: 'reply' },
            { type: 'TYPING', chatId },
            { type: 'DELETE_MSG', chatId, messageId },
            { type: 'DELETE_MSG', chatId, messageId },
            { type: 'REPLY', chatId, messageId, message: 'too late' },
            { type: 'SEND_MSG', chatId, message: 'last' },
        ];
        const frames = actions.map((action, i) => stomp('SEND',
            { destination: '/api/chat', receipt: `r${i}` }, JSON.stringify(action)));
        const dest = '/user/queue/messages';
        frames.splice(3, 0, stomp('SUBSCRIBE', { id: 'two', destination: dest, receipt: 's1' }));
        frames.splice(5, 0, stomp('UNSUBSCRIBE', { id: 'two', receipt: 's2' }));
        frames.push(stomp('ACK', { id: 'x', receipt: 's3' }));
        frames.push(send('very last', { receipt: 'end' }));
        socket.write(Buffer.concat(frames));
        await socket.next((frame) => frame.headers['receipt-id'] === 'end');
        const receipts = socket.frames.filter(({ command }) => command === 'RECEIPT')
            .map(({ headers }) => headers['receipt-id']).filter((id) => !id.startsWith('sub-'));
        assert.deepEqual(receipts, ['r0', 'r1', 'r2', 's1', 'r3', 's2', 'r4', 'r6', 'r7', 'r8',
                                    'r9', 'r10', 'r12', 's3', 'end']);
        const errors = socket.frames.map(bodyOf).filter(({ type }) => type === 'ERROR');
        assert.deepEqual(errors.map(({ receipt }) => receipt), ['r5', 'r11']);
        await socket.close();
    });

    test('what a RECEIPT has confirmed, the next read of anyone sees', async () => {
        const socket = await ready();
        for (let i = 0; i < 20; i++) {
            socket.write(send(`confirmed ${i}`, { receipt: `c${i}` }));
            await socket.next((frame) => frame.headers['receipt-id'] === `c${i}`);
            const { body } = await api(bob, 'GET', `/api/messages/getMessages/${chatId}?size=1`);
            assert.equal(body.messages[0].content, `confirmed ${i}`);
        }
        await socket.close();
    });

    test('DISCONNECT gets its receipt, then the server closes', async () => {
        const socket = await ready();
        socket.write(Buffer.concat([send('before leaving', { receipt: 'sent' }),
                                    stomp('DISCONNECT', { receipt: 'bye' })]));
        assert.equal((await socket.next('RECEIPT')).headers['receipt-id'], 'sent');
        assert.equal((await socket.next('RECEIPT')).headers['receipt-id'], 'bye');
        assert.equal((await socket.whenClosed()).code, 1000);
    });
});

// ---------------------------------------------------------------- subscriptions, transactions

describe('SUBSCRIBE', () => {
    const wrong = () => ['/topic/x', '/user/queue/message', '/user/queue/messages/', '/api/chat', '', '/',
                         `/user/${bob.id}/queue/messages`, `/user/${ann.username}/queue/messages`,
                         `/user/${UNKNOWN_ID}/queue/messages`, `/user/${ann.id}/queue/messages/x`];
    for (let i = 0; i < 10; i++) {
        test(`to a wrong destination is an error (${i})`, async () => {
            const socket = await rawSocket(server, ann);
            await socket.connect();
            socket.send('SUBSCRIBE', { id: '0', destination: wrong()[i] });
            await socket.failed();
        });
    }

    for (const [version, taken] of [['1.0', true], ['1.1', false], ['1.2', false]]) {
        test(`UNSUBSCRIBE without id in ${version} is ${taken ? 'taken' : 'an ERROR'}`, async () => {
            const socket = await rawSocket(server, ann);
            await socket.connect({ 'accept-version': version });
            await socket.subscribe('0');
            socket.send('UNSUBSCRIBE', { destination: '/user/queue/messages', receipt: 'gone' });
            if (taken) {
                await socket.next((frame) => frame.headers['receipt-id'] === 'gone');
                await socket.close();
            } else {
                assert.equal((await socket.failed()).headers['receipt-id'], 'gone');
            }
        });
    }

    test('a subscription id of 1,024 bytes is taken, a longer one is an ERROR', async () => {
        const socket = await rawSocket(server, ann);
        await socket.connect();
        await socket.subscribe('x'.repeat(1024));
        socket.send('SUBSCRIBE', { id: 'x'.repeat(1025), destination: '/user/queue/messages' });
        assert.match((await socket.failed()).headers.message, /1,024 bytes/);
    });

    test('UNSUBSCRIBE stops the events, SUBSCRIBE starts them again', async () => {
        const [session, other] = await Promise.all([connect(server, ann), connect(server, bob)]);
        await other.post(chatId, 'heard');
        await session.next({ message: 'heard' });
        await session.unsubscribe();
        await other.post(chatId, 'not heard');
        await session.subscribe();
        await other.post(chatId, 'heard again');
        await session.next({ message: 'heard again' });
        assert.ok(!session.events.some((event) => event.message === 'not heard'));
        await Promise.all([session.close(), other.close()]);
    });

    test('64 subscriptions are allowed, one more is an error', async () => {
        const socket = await rawSocket(server, ann);
        await socket.connect();
        for (let i = 0; i < 64; i++) {
            await socket.subscribe(`s${i}`);
        }
        socket.send('SUBSCRIBE', { id: 's64', destination: '/user/queue/messages' });
        await socket.failed();
    });
});

describe('transactions', () => {
    const inside = (transaction, text) => send(text, { transaction, receipt: `in ${text}` });

    test('a SEND to a wrong destination is refused when it comes, and nothing of its transaction is applied', async () => {
        const [socket, reader] = [await ready(), await rawSocket(server, bob)];
        await reader.connect();
        await reader.subscribe();
        socket.write(Buffer.concat([
            stomp('BEGIN', { transaction: 't' }), inside('t', 'before the wrong one'),
            stomp('SEND', { destination: '/api/chats', transaction: 't', receipt: 'wrong' }, 'x'),
        ]));
        const frame = await socket.failed(); // and no COMMIT was sent
        assert.equal(frame.headers['receipt-id'], 'wrong');
        const other = await ready();
        other.write(send('after the wrong one'));
        await reader.next(message('after the wrong one'));
        assert.ok(!reader.frames.some(({ body }) => body.includes('before the wrong one')));
        await Promise.all([other.close(), reader.close()]);
    });


    test('SENDs are applied at COMMIT, in order; ABORT forgets them', async () => {
        const socket = await ready();
        const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => unique(name));
        socket.write(Buffer.concat([
            stomp('BEGIN', { transaction: 'gone' }), inside('gone', d),
            stomp('ABORT', { transaction: 'gone', receipt: 'aborted' }),
            stomp('BEGIN', { transaction: 't' }), inside('t', b), inside('t', c), send(a),
        ]));
        await socket.next(message(a));
        socket.send('COMMIT', { transaction: 't', receipt: 'committed' });
        await socket.next((frame) => frame.headers['receipt-id'] === 'committed');
        await socket.next(message(c));
        const texts = socket.frames.map((frame) => bodyOf(frame).message).filter(Boolean);
        assert.deepEqual(texts, [a, b, c]);
        await socket.close();
    });

    const errors = {
        'a second open one': ['BEGIN t', 'BEGIN u'],
        'COMMIT of none': ['COMMIT t'],
        'ABORT of none': ['ABORT t'],
        'COMMIT of another': ['BEGIN t', 'COMMIT u'],
        'a SEND in none': ['SEND t'],
        'more than 100 frames': ['BEGIN t', ...Array(101).fill('SEND t')],
        'BEGIN without a name': ['BEGIN'],
    };
    for (const [name, frames] of Object.entries(errors)) {
        test(`${name} is an error`, async () => {
            const socket = await ready();
            for (const each of frames) {
                const [command, transaction] = each.split(' ');
                const destination = command === 'SEND' ? '/api/chat' : undefined;
                socket.send(command, { destination, transaction }, command === 'SEND' ? say('t') : '');
            }
            await socket.failed();
        });
    }
});

// ---------------------------------------------------------------- bad frames

describe('a bad frame gets an ERROR frame, then the end', () => {
    const rows = {
        'an unknown command': 'SHOUT\ndestination:/api/chat\n\n{}\0',
        'a server\'s command': 'MESSAGE\nsubscription:0\n\n{}\0',
        'a lower-case command': 'send\ndestination:/api/chat\n\n{}\0',
        'no command': '\0',
        'a header without a colon': 'SEND\ndestination\n\n{}\0',
        'a header without a name': 'SEND\n:x\ndestination:/api/chat\n\n{}\0',
        'an undefined escape': 'SEND\ndestination:/api/chat\nreceipt:a\\tb\n\n{}\0',
        'an escape cut short': 'SEND\ndestination:/api/chat\nreceipt:a\\\n\n{}\0',
        'a CR in a header': 'SEND\ndestination:/api/chat\nreceipt:a\rb\n\n{}\0',
        'a NUL in the head': 'SEND\ndestination:/api\0/chat\n\n{}\0',
        'SEND without a destination': 'SEND\n\n{}\0',
        'SEND to elsewhere': 'SEND\ndestination:/api/chats\n\n{}\0',
        'SUBSCRIBE without an id': 'SUBSCRIBE\ndestination:/user/queue/messages\n\n\0',
        'SUBSCRIBE without a destination': 'SUBSCRIBE\nid:1\n\n\0',
        'a content-length of words': 'SEND\ndestination:/api/chat\ncontent-length:two\n\n{}\0',
        'a negative content-length': 'SEND\ndestination:/api/chat\ncontent-length:-2\n\n{}\0',
        'a content-length too short': 'SEND\ndestination:/api/chat\ncontent-length:1\n\n{}\0',
        'a content-length without end': 'SEND\ndestination:/api/chat\ncontent-length:99999999999999999999\n\n{}\0',
        'more headers than anyone needs': `SEND\n${'x:y\n'.repeat(5000)}\n{}\0`,
        'a header line without end': `SEND\n${'x'.repeat(100_000)}`,
        'a body over 128 KiB': `SEND\ndestination:/api/chat\n\n${'x'.repeat(128 * 1024 + 1)}\0`,
        'a body over 128 KiB, announced': `SEND\ndestination:/api/chat\ncontent-length:131073\n\n`,
    };
    for (const [name, bytes] of Object.entries(rows)) {
        test(name, async () => {
            const socket = await ready();
            socket.write(bytes);
            await socket.failed();
        });
    }

    test('a body of exactly 128 KiB is read, and refused for what it says', async () => {
        const socket = await ready();
        socket.write(stomp('SEND', { destination: '/api/chat', receipt: 'big' },
                           say('x').padEnd(128 * 1024, ' ')));
        await socket.next('RECEIPT');
        await socket.close();
    });

    test('what came before it in the same message is done first', async () => {
        const socket = await ready();
        socket.write(Buffer.concat([send('still done', { receipt: 'done' }), Buffer.from('SHOUT\n\n\0')]));
        await socket.failed();
        assert.ok(socket.frames.some((frame) => frame.headers['receipt-id'] === 'done'));
        const { body } = await api(bob, 'GET', `/api/messages/getMessages/${chatId}?size=1`);
        assert.equal(body.messages[0].content, 'still done');
    });
});
