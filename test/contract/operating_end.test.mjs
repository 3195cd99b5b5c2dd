// The end of a server that is busy: whatever is late or under way, it ends in good order. On a
// sanitized server that means too that nothing is leaked or used after its end.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { test } from 'node:test';
import { api, createChat, createTenant, eventually, startServer } from './harness.mjs';
import { connect } from './realtime.mjs';

const LATE_MS = 400;
const EPOLL = process.arch === 'arm64' ? ['22'] : ['232', '281']; // epoll_wait, epoll_pwait

/** The threads that wait in epoll: the event loops, the first one first. */
function loopThreads(own) {
    const tasks = `/proc/${own.pid}/task`;
    return readdirSync(tasks).map(Number).sort((a, b) => a - b).filter((thread) =>
        EPOLL.includes(readFileSync(`${tasks}/${thread}/syscall`, 'utf8').split(' ')[0]));
}

test('a loop that is late holds up the end, and nothing is left behind', async () => {
    const own = await startServer({ args: ['--threads', '3', '--drain-spread', '0s'] });
    try {
        const threads = await eventually('all loops wait', () => {
            const found = loopThreads(own);
            return found.length === 3 && found;
        });
        // Every wake-up of the first loop comes late, as on a machine that is overloaded.
        const strace = spawn('strace', ['-p', `${threads[0]}`, '-o', '/dev/null',
                                        '-e', 'trace=epoll_wait,epoll_pwait', '-e',
                                        `inject=epoll_wait,epoll_pwait:delay_exit=${LATE_MS * 1000}`]);
        const [said] = await once(strace.stderr.setEncoding('utf8'), 'data');
        assert.match(said, /attached/);
        await own.terminate();
        assert.ok(own.logLines().some((line) => line.event === 'stopped' && !line.connections_cut));
        strace.kill();
    } finally {
        await own.stop();
    }
});

test('a server that is stopped again and again under load ends with 0 each time', async () => {
    const own = await startServer({ args: ['--drain-spread', '0s'] });
    try {
        const { users: [ann, bob] } = await createTenant(own, 'ann', 'bob');
        const chat = await createChat(ann, bob);
        for (let round = 0; round < 5; round++) {
            let ended = false;
            const sessions = await Promise.all([ann, bob, bob].map((user) => connect(own, user)));
            const load = [
                ...sessions.map(async (session) => {
                    for (;;) {
                        await session.post(chat.chatId);
                    }
                }),
                ...[ann, bob].map(async (user) => {
                    while (!ended) {
                        await api(user, 'GET', `/api/messages/getMessages/${chat.chatId}`);
                    }
                }),
            ].map((each) => each.catch(() => {})); // until the server is gone
            await sessions[0].next({ type: 'SEND_MSG' });
            await own.terminate();
            ended = true;
            await Promise.all(load);
            await own.restart();
        }
    } finally {
        await own.stop();
    }
});
