// What docs/operating.md prints, taken from there and done.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
    api, createChat, createTenant, expectStatus, PASSWORD, run, signIn, startServer,
} from './harness.mjs';
import { documented } from './proxies.mjs';
import { connect, wholeHistory } from './realtime.mjs';

const place = mkdtempSync(join(tmpdir(), 'whisp-documents-'));
after(() => rmSync(place, { recursive: true, force: true }));

/** The documented shell lines that begin with one of these, with other directories. */
function shell(begins, dirs) {
    const lines = documented('sh').join('').split('\n')
        .filter((line) => begins.some((begin) => line.startsWith(begin)))
        .map((line) => Object.entries(dirs).reduce((text, [from, to]) => text.replaceAll(from, to), line));
    assert.ok(lines.length >= begins.length, `docs/operating.md lacks one of ${begins}`);
    execFileSync('/bin/sh', ['-euc', lines.join('\n')], { stdio: ['ignore', 'ignore', 'pipe'] });
}

test('the documented config file is taken as it stands', async () => {
    const [config] = documented('ini');
    const file = join(place, 'whispd.conf');
    writeFileSync(file, config);
    const { code, stdout, stderr } = await run(['check-config', '--config', file]);
    assert.equal(code, 0, stderr);
    for (const line of config.trim().split('\n')) {
        assert.ok(stdout.includes(line), `${line} is not in force`);
    }
});

test('a backup made while the server works, restored as documented, has what was confirmed', async () => {
    const dirs = { '/var/backups/whispd': join(place, 'backup'), '/var/lib/whispd': join(place, 'data') };
    mkdirSync(dirs['/var/lib/whispd'], { mode: 0o700 });
    const own = await startServer({ dataDir: dirs['/var/lib/whispd'] });
    let restored;
    try {
        const { app, users: [ann, bob] } = await createTenant(own, 'ann', 'bob');
        const chat = await createChat(ann, bob);
        const session = await connect(own, ann);
        const say = (message) => session.send({ type: 'SEND_MSG', chatId: chat.chatId, message });
        await say('before');
        const more = Promise.all(Array.from({ length: 50 }, (_, i) => say(`meanwhile ${i}`)));
        shell(['mkdir -m 700 /var/backups', 'sqlite3 ', 'cp -a /var/lib'], dirs);
        await more;
        await session.close();
        await own.terminate();
        shell(['mv /var/lib', 'mkdir -m 700 /var/lib', 'cp -a /var/backups'], dirs);
        assert.ok(existsSync(join(place, 'data.broken', 'whisp.db')));
        restored = await startServer({ dataDir: dirs['/var/lib/whispd'] });
        const again = { ...ann, server: restored };
        expectStatus(await api(again, 'GET', '/api/user/getUser'), 200);
        const texts = (await wholeHistory(again, chat.chatId)).map(({ content }) => content);
        assert.ok(texts.includes('before'), `${texts}`);
        await signIn({ ...app, server: restored, key: { ...app.key, server: restored } }, 'bob', PASSWORD);
    } finally {
        await restored?.stop();
        await own.stop();
    }
});
