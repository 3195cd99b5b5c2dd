// Heart-beats both ways, as negotiated in CONNECT and CONNECTED, and the time to CONNECT. The tests
// wait for real intervals, so these are short and the tests run side by side.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createChat, createTenant, startServer, within } from './harness.mjs';
import { connect, rawSocket } from './realtime.mjs';

let server, ann, bob;

before(async () => {
    server = await startServer({ args: ['--heart-beat', '1s', '--connect-timeout', '2s'] });
    ({ users: [ann, bob] } = await createTenant(server, 'ann', 'bob'));
});

after(() => server?.stop());

/** What the two sides agreed on, in ms, 0 for none: {fromServer, fromClient}. */
function agreed(header, [sends, wants]) {
    const [serverSends, serverWants] = header.split(',').map(Number);
    return {
        fromServer: serverSends && wants ? Math.max(serverSends, wants) : 0,
        fromClient: serverWants && sends ? Math.max(serverWants, sends) : 0,
    };
}

/** A raw socket that asked for these, CONNECTED. */
async function beating(sends, wants, options) {
    const socket = await rawSocket(server, ann, options);
    const { headers } = await socket.connect({ 'heart-beat': `${sends},${wants}` });
    return { socket, ...agreed(headers['heart-beat'], [sends, wants]) };
}

const MUTE = { autoPong: false };

/** Resolves when the socket has had so many heart-beats; looks at short intervals. */
function beats(socket, count, ms) {
    let timer;
    const come = new Promise((done) => {
        timer = setInterval(() => socket.heartbeats >= count && done(), 20);
    });
    return within(ms, () => `${socket.heartbeats} of ${count} heart-beats came`, come)
        .finally(() => clearInterval(timer));
}

describe('heart-beats', { concurrency: true }, () => {
    test('the server sends them at the interval that was agreed', async () => {
        const { socket, fromServer } = await beating(0, 1000);
        assert.ok(fromServer >= 1000, 'the server offers heart-beats');
        const from = Date.now();
        await beats(socket, 3, 3 * fromServer * 1.5 + 2000);
        const each = (Date.now() - from) / 3;
        assert.ok(each > fromServer * 0.4 && each <= fromServer * 1.5, `one in ${each} ms`);
        await socket.close();
    });

    test('none come where none were asked for, and silence is allowed then', async () => {
        const { socket } = await beating(0, 0);
        const beside = await beating(0, 1000);
        await beats(beside.socket, 2, 4 * beside.fromServer + 2000);
        assert.equal(socket.heartbeats, 0);
        await socket.subscribe(); // is still open
        await socket.close();
        await beside.socket.close();
    });

    test('a peer silent for twice the agreed time is pinged, and closed when no pong comes', async () => {
        const { socket, fromClient } = await beating(1000, 0, MUTE);
        assert.ok(fromClient >= 1000, 'the server wants heart-beats');
        const from = Date.now();
        const { code } = await socket.whenClosed(5 * fromClient + 5000);
        const took = Date.now() - from;
        assert.equal(code, 1013);
        assert.ok(took >= fromClient * 3.5, `closed after ${took} ms, agreed were ${fromClient}`);
        assert.equal(socket.pings.length, 1);
        assert.ok(socket.pings[0] - from >= fromClient * 1.5, `pinged after ${socket.pings[0] - from} ms`);
    });

    test('a hidden tab, which beats once a minute but answers pings, stays', async () => {
        const hidden = await beating(1000, 1000);
        const mute = [await beating(1000, 0, MUTE)];
        await mute[0].socket.whenClosed(5 * hidden.fromClient + 5000);
        mute.push(await beating(1000, 0, MUTE));
        await mute[1].socket.whenClosed(5 * hidden.fromClient + 5000);
        assert.ok(hidden.socket.pings.length >= 3, `${hidden.socket.pings.length} pings`);
        await hidden.socket.subscribe(); // is still open
        await hidden.socket.close();
    });

    test('a session without heart-beats gets pings, one with heart-beats none', async () => {
        const quick = await startServer({ args: ['--ping-interval', '300ms', '--heart-beat', '1s'] });
        try {
            const { users: [max] } = await createTenant(quick, 'max');
            const [without, beaten] = await Promise.all([rawSocket(quick, max), rawSocket(quick, max)]);
            await without.connect({ 'heart-beat': '0,0' });
            await beaten.connect({ 'heart-beat': '0,1000' });
            await beats(beaten, 2, 10_000);
            assert.ok(without.pings.length >= 3, `${without.pings.length} pings`);
            assert.equal(without.heartbeats, 0);
            assert.equal(beaten.pings.length, 0);
            await Promise.all([without.close(), beaten.close()]);
        } finally {
            await quick.stop();
        }
    });

    test('one that beats, or sends frames, is not', async () => {
        const beater = await beating(1000, 0);
        const sender = await beating(1000, 0);
        const silent = await beating(1000, 0, MUTE);
        const period = Math.max(200, beater.fromClient / 2);
        const beat = setInterval(() => beater.socket.write('\n'), period);
        const frame = setInterval(() => sender.socket.send('ACK', { id: 'x' }), period);
        await silent.socket.whenClosed(5 * silent.fromClient + 5000);
        await beater.socket.subscribe();
        await sender.socket.subscribe();
        clearInterval(beat);
        clearInterval(frame);
        await beater.socket.close();
        await sender.socket.close();
    });

    test('a WebSocket ping is answered', async () => {
        const { socket } = await beating(0, 0);
        await within(5000, () => 'no pong', socket.ping());
        await socket.close();
    });

    test('@stomp/stompjs lives with them for some time', async () => {
        const { chatId } = await createChat(ann, bob);
        const session = await connect(server, bob, { heartbeat: [1000, 1000] });
        const { socket, fromClient } = await beating(1000, 0, MUTE);
        await socket.whenClosed(5 * fromClient + 5000); // others are closed meanwhile
        await session.post(chatId);
        await session.close();
    });

    test('a socket that never CONNECTs is closed in time', async () => {
        const from = Date.now();
        const silent = await rawSocket(server, ann);
        const beater = await rawSocket(server, bob);
        const beat = setInterval(() => beater.write('\n'), 100); // is no CONNECT
        await Promise.all([silent.whenClosed(), beater.whenClosed()]).finally(() => clearInterval(beat));
        const took = Date.now() - from;
        assert.ok(took > 1_500 && took < 6_000, `closed after ${took} ms`);
    });

    for (const value of ['x', '1', '-1,0', '1,2,3', '1.5,2', '99999999999999999999,0']) {
        test(`"${value}" is a bad CONNECT`, async () => {
            const socket = await rawSocket(server, ann);
            socket.send('CONNECT', {
                'accept-version': '1.2', 'heart-beat': value, Authorization: `Bearer ${ann.jwt}`,
            });
            await socket.failed();
        });
    }
});
