// The pages of documentation, run as their readers run them: the code blocks with a file name are
// saved in a folder, what `npm install` names is installed there, and nothing else is.
//
//     const folder = follow('docs/quickstart-node.md');
//     const program = folder.run('quickstart.mjs', { WHISP_URL: server.api });
//     await program.said(/listening/);
//     await folder.remove();

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program } from './program.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const sdk = join(root, 'sdk');

/** The code blocks of a page, each with its language, and its file if the text before names one. */
export function blocks(page) {
    let from = 0;
    const text = readFileSync(join(root, page), 'utf8');
    return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(({ index, 0: all, 1: language, 2: code }) => {
        const before = text.slice(from, index);
        from = index + all.length;
        return { language, code, file: /Save as `([^`]+)`/.exec(before)?.[1] };
    });
}

let packed; // the same for all folders

function pack() {
    const place = mkdtempSync(join(tmpdir(), 'whisp-pack-'));
    process.on('exit', () => rmSync(place, { recursive: true, force: true }));
    const name = execFileSync('npm', ['pack', '--silent', '--pack-destination', place, sdk], { encoding: 'utf8' });
    return join(place, name.trim());
}

/** What npm pack makes, unpacked as npm install does that; the package's own dependencies beside it. */
function installSdk(folder, archive) {
    packed ??= pack();
    assert.equal(basename(packed), archive, 'the name of what npm pack makes');
    const place = join(folder, 'node_modules/whisp-sdk');
    mkdirSync(place, { recursive: true });
    execFileSync('tar', ['xzf', packed, '-C', place, '--strip-components=1']);
    const { dependencies = {} } = JSON.parse(readFileSync(join(place, 'package.json')));
    Object.keys(dependencies).forEach((name) => link(folder, name));
}

/** Installed is what sdk/package-lock.json names, so that no test needs the network. */
function link(folder, name) {
    const place = join(folder, 'node_modules', name);
    const installed = join(sdk, 'node_modules', name);
    assert.ok(existsSync(installed), `${name} is not among the packages of sdk/`);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(installed, place);
}

class Folder {
    #place = mkdtempSync(join(tmpdir(), 'whisp-page-'));
    #programs = [];

    /** `react@19` must be what is linked. */
    install(name) {
        if (name.endsWith('.tgz')) {
            installSdk(this.#place, basename(name));
        } else {
            const [, plain, major] = /^(.+?)(?:@(\d+))?$/.exec(name);
            link(this.#place, plain);
            if (major) {
                const { version } = JSON.parse(readFileSync(join(sdk, 'node_modules', plain, 'package.json')));
                assert.equal(version.split('.')[0], major, `the version of ${plain}`);
            }
        }
    }

    save(name, content) {
        writeFileSync(join(this.#place, name), content);
    }

    /** Changes a file as its reader would: an address, a port. It must be there. */
    change(name, from, to) {
        const text = readFileSync(join(this.#place, name), 'utf8');
        assert.ok(text.includes(from), `there is no ${from} in ${name}`);
        this.save(name, text.replaceAll(from, to));
    }

    path(name) {
        return join(this.#place, name);
    }

    /** Starts a file with this Node. */
    run(file, env = {}, args = []) {
        const program = new Program([file, ...args], {
            cwd: this.#place, env: { ...process.env, ...env } });
        this.#programs.push(program);
        return program;
    }

    async remove() {
        await Promise.all(this.#programs.map((program) => program.exit('SIGKILL')));
        rmSync(this.#place, { recursive: true, force: true });
    }
}

/** The page's folder, as it is when a reader has done what it says up to running something. */
export function follow(page) {
    const folder = new Folder();
    folder.save('package.json', '{"private": true}'); // npm init
    for (const { language, code, file } of blocks(page)) {
        const install = language === 'sh' && [...code.matchAll(/^(?:.* && )?npm install ([^#\n]+)/gm)];
        if (install) {
            install.flatMap(([, names]) => names.trim().split(/\s+/)).forEach((name) => folder.install(name));
        } else if (file) {
            folder.save(file, code);
        }
    }
    return folder;
}
