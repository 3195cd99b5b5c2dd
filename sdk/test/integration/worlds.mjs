// Places where an app runs that lack what Node has: a context of its own with the globals of React
// Native (Hermes), or of an old browser (Safari 15), and nothing else of this process. What V8 has
// beyond those engines is taken out of it, so that using it fails here as it would there.

import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import WebSocket from 'ws';

/** Newer than Hermes, or Safari 15, or Node 18: by the object that has it. */
const TOO_NEW = {
    'Array.prototype': ['at', 'findLast', 'findLastIndex', 'toSorted', 'toReversed', 'toSpliced', 'with', 'group'],
    'String.prototype': ['at', 'isWellFormed', 'toWellFormed', 'replaceAll'],
    'Uint8Array.prototype': ['at', 'findLast', 'toBase64'],
    Uint8Array: ['fromBase64'],
    Array: ['fromAsync'],
    Object: ['hasOwn', 'groupBy'],
    Promise: ['any', 'withResolvers', 'try'],
    'Set.prototype': ['union', 'difference', 'intersection', 'isSubsetOf'],
    globalThis: ['structuredClone', 'AggregateError', 'WeakRef', 'FinalizationRegistry', 'SharedArrayBuffer',
                 'Atomics', 'Iterator', 'WebAssembly', 'Intl'],
};

/** What both have, made inside, of a few functions of this process. Errors have no causes. */
const COMMON = `
for (const [name, fields] of Object.entries(${JSON.stringify(TOO_NEW)})) {
    const object = name.split('.').reduce((at, part) => at?.[part], globalThis);
    (name === 'globalThis' ? [globalThis] : [object]).forEach((one) => one && fields.forEach((field) => delete one[field]));
}
globalThis.Error = class Error extends globalThis.Error {
    constructor(message) { super(message); }
};
class EventTarget {
    #handlers = new Map();
    addEventListener(name, run) { this.#handlers.set(name, (this.#handlers.get(name) ?? new Set()).add(run)); }
    removeEventListener(name, run) { this.#handlers.get(name)?.delete(run); }
    dispatch(name, event) {
        this['on' + name]?.(event);
        [...(this.#handlers.get(name) ?? [])].forEach((run) => run(event));
    }
}
globalThis.AbortSignal = class AbortSignal extends EventTarget {
    aborted = false; // neither a reason nor throwIfAborted(), abort(), timeout(), any()
};
globalThis.AbortController = class AbortController {
    signal = new AbortSignal();
    abort() {
        if (!this.signal.aborted) {
            this.signal.aborted = true;
            this.signal.dispatch('abort', {});
        }
    }
};
globalThis.fetch = (url, { method, headers, body, signal } = {}) => new Promise((resolve, reject) => {
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('signal');
    signal?.addEventListener('abort', () => reject(Object.assign(new Error('Aborted'), { name: 'AbortError' })));
    host.fetch(url, method, JSON.stringify(headers ?? {}), body, (status, entries, text) => {
        const all = new Map(JSON.parse(entries));
        resolve({ status, ok: status >= 200 && status < 300, url,
                  headers: { get: (name) => all.get(name.toLowerCase()) ?? null, has: (name) => all.has(name.toLowerCase()) },
                  text: async () => text, json: async () => JSON.parse(text) });
    }, (message) => reject(new TypeError(message)));
});
globalThis.WebSocket = class WebSocket extends EventTarget {
    readyState = 0;
    constructor(url, protocols) {
        super();
        const cut = (text) => host.cutsText ? text.split('\\0')[0] : text;
        this.close = (...args) => { this.readyState = 2; this.socket.close(...args); };
        this.send = (data) => {
            if (this.readyState === 0) throw new Error('INVALID_STATE_ERR');
            if (this.readyState !== 1) return;
            if (typeof data === 'string') this.socket.send(cut(data));
            else if (ArrayBuffer.isView(data)) this.socket.sendBytes([...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
            else throw new Error('Unsupported data type');
        };
        this.socket = host.connect(url, JSON.stringify(protocols), (name, field, reason) => {
            if (name === 'open') this.readyState = 1;
            if (name === 'close') this.readyState = 3;
            this.dispatch(name, name === 'message' ? { data: cut(field) } : name === 'close' ? { code: field, reason } : { message: field });
        });
    }
};
for (const name of ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval']) globalThis[name] = host[name];
globalThis.console = { log() {}, warn() {}, error: (...args) => host.reported(args.map(String).join(' ')) };
`;

const WORLDS = {
    // No Buffer, process, URL, Headers, TextEncoder, TextDecoder, atob, crypto, window events.
    'React Native': { cutsText: true, code: `
globalThis.navigator = { product: 'ReactNative' };
globalThis.URLSearchParams = class URLSearchParams {
    set() { throw new Error('URLSearchParams.set is not implemented'); }
    append() { throw new Error('URLSearchParams.append is not implemented'); }
};` },
    'an old browser': { cutsText: false, code: `
const page = new EventTarget();
globalThis.navigator = { product: 'Gecko', onLine: true };
globalThis.window = globalThis.self = globalThis;
globalThis.addEventListener = page.addEventListener.bind(page);
globalThis.removeEventListener = page.removeEventListener.bind(page);` },
};

export const names = Object.keys(WORLDS);

function hostOf(cutsText, reported) {
    return {
        cutsText, reported, setTimeout, clearTimeout, setInterval, clearInterval,
        fetch(url, method, headers, body, done, failed) {
            fetch(url, { method, headers: JSON.parse(headers), body })
                .then(async (answer) => done(answer.status, JSON.stringify([...answer.headers]), await answer.text()))
                .catch((error) => failed(error.message));
        },
        connect(url, protocols, happened) {
            const socket = new WebSocket(url, JSON.parse(protocols));
            socket.on('open', () => happened('open'));
            socket.on('error', (error) => happened('error', error.message));
            socket.on('message', (data) => happened('message', String(data)));
            socket.on('close', (code, reason) => happened('close', code, String(reason)));
            return {
                send: (text) => socket.send(text), close: () => socket.close(),
                sendBytes: (bytes) => socket.send(Uint8Array.from(bytes)),
            };
        },
    };
}

/** The app and the built package, as one script: what its exports are in that world, and what console.error got. */
export async function load(file, world) {
    const { outputFiles } = await build({
        entryPoints: [file], bundle: true, write: false, format: 'iife', globalName: 'app', target: 'es2020',
        alias: { 'whisp-sdk': fileURLToPath(import.meta.resolve('whisp-sdk')) },
    });
    const { cutsText, code } = WORLDS[world];
    const reported = [];
    const context = vm.createContext({ host: hostOf(cutsText, (line) => reported.push(line)) });
    vm.runInContext(COMMON + code, context);
    vm.runInContext(outputFiles[0].text, context);
    return { exports: vm.runInContext('app', context), reported, context };
}
