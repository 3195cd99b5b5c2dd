// A program that a test starts, and reads as its user would.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { within } from '../../../test/contract/harness.mjs';

const WAIT = 20_000;

/** What it has printed so far is in `output`. It does not outlive this process. */
export class Program {
    output = '';
    #child;
    #ended;
    #look = () => undefined;

    /** Of Node; `options` are those of spawn(). */
    constructor(args, options) {
        this.#child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
        const kill = () => this.#child.kill('SIGKILL');
        process.once('exit', kill);
        for (const stream of [this.#child.stdout, this.#child.stderr]) {
            stream.setEncoding('utf8').on('data', (text) => {
                this.output += text;
                this.#look();
            });
        }
        this.#ended = new Promise((done) => this.#child.on('close', (code, signal) => done(signal ?? code)));
        this.#ended.then(() => process.off('exit', kill));
    }

    /** Resolves with the match, once it is there; rejects, with `code`, if the program ends instead. */
    said(pattern) {
        const found = new Promise((done) => {
            this.#look = () => {
                const match = pattern.exec(this.output);
                if (match) {
                    done(match);
                }
            };
            this.#look();
        });
        const ended = this.#ended.then((code) => {
            throw Object.assign(new Error(`it ended without ${pattern}; it printed:\n${this.output}`), { code });
        });
        return within(WAIT, () => `${pattern} was not printed, but:\n${this.output}`, Promise.race([found, ended]));
    }

    /** {code, output} at its end, which a signal may bring about: `code` is the signal's name if it did. */
    async exit(signal) {
        if (signal) {
            this.#child.kill(signal);
        }
        const code = await within(WAIT, () => `it did not end; it printed:\n${this.output}`, this.#ended);
        return { code, output: this.output };
    }

    /** Ends by itself, with 0; resolves with its output. */
    async finished() {
        const { code, output } = await this.exit();
        assert.equal(code, 0, output);
        return output;
    }
}
