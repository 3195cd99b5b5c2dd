// Runs whispd under strace and reads what it did, in the order in which it did it.
//
// strace -f writes a line when a call begins and, if another thread comes between, a second one
// when it returns. So the position of a line is the time of the call, and two positions compare.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CALLS = 'fsync,fdatasync,write,writev,sendmsg,sendmmsg,sendto,pwrite64,pwritev,pwritev2,io_uring_enter';

/**
 * A program to start in place of `whispd`: the same under strace, which stays beside it, so that
 * its process id and its end are its own. Returns {program, output(pid), remove()}; output is the
 * whole trace, once that process has ended.
 */
export function straced(whispd) {
    const folder = mkdtempSync(join(tmpdir(), 'whisp-strace-'));
    const program = join(folder, 'whispd');
    const output = join(folder, 'trace');
    writeFileSync(program, `#!/bin/sh
exec strace -D -f -yy -s 70000 -o '${output}' -e trace=${CALLS} -e signal=none '${whispd}' "$@"
`);
    chmodSync(program, 0o755);
    return {
        program,
        output: async (pid) => {
            const last = new RegExp(`^${pid} +\\+\\+\\+ (exited|killed)`, 'm');
            for (let tries = 0; tries < 200; tries++) {
                const trace = readFileSync(output, 'latin1');
                if (last.test(trace)) {
                    return trace;
                }
                await new Promise((done) => setTimeout(done, 50));
            }
            throw new Error(`strace did not end its trace of ${pid}`);
        },
        remove: () => rmSync(folder, { recursive: true, force: true }),
    };
}

/** The text of strace's "quoted" arguments as bytes, all of the call's buffers in one. */
function bytesOf(args) {
    const named = { n: 10, t: 9, r: 13, v: 11, f: 12 };
    const out = [];
    for (const [, quoted] of args.matchAll(/"((?:[^"\\]|\\.)*)"/gs)) {
        for (const [, octal, name, plain] of quoted.matchAll(/\\([0-7]{1,3})|\\(.)|([^\\])/gs)) {
            out.push(octal ? parseInt(octal, 8) : name ? named[name] ?? name.charCodeAt(0)
                : plain.charCodeAt(0));
        }
    }
    return Buffer.from(out);
}

/**
 * The calls as [{call, target, bytes, begin, end}] in order of their begin. `begin` and `end` are
 * positions in the trace; `target` is what strace says of the descriptor: a path, or a socket with
 * its addresses.
 */
export function readTrace(trace) {
    const calls = [];
    const open = new Map(); // thread -> call
    trace.split('\n').forEach((line, at) => {
        const [, thread, rest] = /^(\d+) +(.*)$/s.exec(line) ?? [];
        if (!rest) {
            return;
        }
        if (rest.startsWith('<... ')) {
            const call = open.get(thread);
            if (call) {
                call.end = at;
                call.result = result(rest);
                open.delete(thread);
            }
            return;
        }
        const [, name, args] = /^(\w+)\((.*)$/s.exec(rest) ?? [];
        if (!name) {
            return;
        }
        const target = /^\d+<(.*?)>(?=[,)]| <unfinished)/s.exec(args)?.[1] ?? '';
        const call = { call: name, target, bytes: bytesOf(args), begin: at, end: at, result: 0 };
        if (rest.endsWith('<unfinished ...>')) {
            call.end = Infinity;
            open.set(thread, call);
        } else {
            call.result = result(rest);
        }
        calls.push(call);
    });
    return calls;
}

const result = (line) => Number(/= (-?\d+)[^=]*$/.exec(line)?.[1] ?? NaN);
