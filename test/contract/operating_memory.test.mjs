// Too little memory for a password's hash: the one large piece that clients can make the server
// ask for. The limit of the address space stands for it, set on the running process.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import {
    api, createTenant, expectError, expectStatus, manage, signIn, startServer, PASSWORD, unique,
} from './harness.mjs';

const MIB = 1 << 20;
const server = await startServer({ args: ['--hash-cost', '384m/1', '--hashers', '1'] });
after(() => server.stop());

/** Leaves 128 MiB: plenty for all else, too little for a hash. */
function limitMemory(own) {
    const [, kib] = /^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${own.pid}/status`, 'utf8'));
    const limit = BigInt(kib) * 1024n + BigInt(128 * MIB);
    execFileSync('prlimit', ['--pid', `${own.pid}`, `--as=${limit}:unlimited`]);
}

test('a password that cannot be hashed for want of memory is a 503, not a wrong password', async () => {
    const { account, app, users: [ann] } = await createTenant(server, 'ann');
    limitMemory(server);
    const refused = [
        ...await Promise.all(Array.from({ length: 12 }, () =>
            api(app.key, 'POST', '/api/user/signin', { username: 'ann', password: PASSWORD }))),
        await api(app.key, 'POST', '/api/user/registerUser',
                  { username: unique('u'), email: `${unique('m')}@example.com`, password: PASSWORD }),
        await manage(server, 'POST', '/api/auth/login', { email: account.email, password: PASSWORD }),
        await manage(server, 'POST', '/api/auth/register',
                     { companyName: 'x', email: `${unique('m')}@example.com`, password: PASSWORD }),
        await manage(account, 'PUT', '/api/client/profile',
                     { currentPassword: PASSWORD, newPassword: `${PASSWORD}x` }),
    ];
    for (const res of refused) {
        expectError(res, 503, 'OVERLOADED');
        assert.match(res.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    }
    expectStatus(await api(ann, 'GET', '/api/user/getUser'), 200);
    execFileSync('prlimit', ['--pid', `${server.pid}`, '--as=unlimited']);
    await signIn(app, 'ann'); // none of it counted as a failure
});
