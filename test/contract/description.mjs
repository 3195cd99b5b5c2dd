// The documents of the APIs (docs/openapi) as what every answer, event and accepted request of the
// tests is held against. The harness calls this for all that passes through it, so that a document
// cannot say less, more or other than the server does.
//
//     described.answer(res, sentBody);         // throws a Lie when the document says otherwise
//     described.frame({ command, headers, body });
//     described.accepted(action);              // an action that got its RECEIPT
//
// What the server sends is taken strictly: a field that the document does not name is a lie too. The
// documents themselves do not forbid further fields, for clients must be able to live with them;
// close() adds that here.

import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { readFileSync } from 'node:fs';

const place = new URL('../../docs/openapi/', import.meta.url);
const METHODS = ['get', 'put', 'post', 'delete'];
const JSON_TYPE = /^application\/json\b/;

/** Headers that may not come unless the answer's description has them. */
const TELLING = ['authorization', 'set-cookie', 'etag', 'www-authenticate', 'allow', 'retry-after',
                 'location'];

export class Lie extends Error {
    name = 'Lie';
}

/** The three documents, each a copy of one's own: {api, management, realtime}. */
export function readDocuments() {
    const read = (name) => JSON.parse(readFileSync(new URL(name, place), 'utf8'));
    return { api: read('chat.json'), management: read('management.json'),
             realtime: read('asyncapi.json') };
}

/** A JSON pointer's steps, or one made of them. */
const escape = (step) => encodeURIComponent(String(step).replaceAll('~', '~0').replaceAll('/', '~1'));
export const pointer = (...steps) => `#/${steps.map(escape).join('/')}`;
const unescape = (step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');

/** What is at a pointer of a document, references followed: {at, value}. */
export function follow(document, at) {
    let value = document;
    for (const step of at.slice(2).split('/').map(unescape)) {
        value = value?.[step];
    }
    return value?.$ref && Object.keys(value).length === 1 ? follow(document, value.$ref) : { at, value };
}

const mapValues = (object, change) =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));

/** Where a schema says something of an object together with others. */
const PARTS = ['allOf', 'if', 'then', 'else'];

/**
 * A copy in which no object may have other fields than those named. It is said where a schema is
 * used and not where it is defined, because parts of an allOf must let each other's fields be.
 */
function close(node, isPart = false) {
    if (node === null || typeof node !== 'object') {
        return node;
    }
    if (Array.isArray(node)) {
        return node.map((each) => close(each, isPart));
    }
    const copy = {};
    for (const [name, value] of Object.entries(node)) {
        copy[name] = name === 'schemas' ? mapValues(value, (schema) => close(schema, true))
            : close(value, PARTS.includes(name));
    }
    const isObject = typeof node.$ref === 'string' || node.allOf || (node.type === 'object' && node.properties);
    return isObject && !isPart ? { ...copy, unevaluatedProperties: false } : copy;
}

/** "/api/chat/getUsers/{chatId}" as what it matches. */
function patternOf(path) {
    const plain = path.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
    return new RegExp(`^${plain.replace(/\{\w+\}/g, '[^/]+')}$`);
}

/** A path as the server reads it; one that it cannot read is of no operation. */
function decoded(path) {
    try {
        return decodeURIComponent(path);
    } catch {
        return path;
    }
}

const typeOf = (text) => text.toLowerCase().replace(/\s*;\s*/g, '; ');
const shown = (value) => JSON.stringify(value)?.slice(0, 500);

export class Description {
    #documents;
    #ajvs = new Map();
    #validators = new Map();
    #routes = {};
    #messages;

    constructor(documents = readDocuments()) {
        this.#documents = documents;
        for (const listener of ['api', 'management']) {
            this.#routes[listener] = Object.keys(documents[listener].paths)
                .map((path) => ({ path, pattern: patternOf(path) }));
        }
        this.#messages = documents.realtime.components.messages;
    }

    /** Made at its first use, like its validators: a test file needs few of them. */
    #ajv(name, strict) {
        const key = `${name} ${strict}`;
        if (!this.#ajvs.has(key)) {
            const ajv = new (Ajv2020.default ?? Ajv2020)({ strict: false, validateSchema: false });
            (addFormats.default ?? addFormats)(ajv);
            const document = this.#documents[name];
            this.#ajvs.set(key, ajv.addSchema(strict ? close(document) : document, 'whisp:'));
        }
        return this.#ajvs.get(key);
    }

    /** Throws unless the value is as the schema at that place says. */
    valid(listener, at, value, what, { strict = true } = {}) {
        const key = `${strict} ${listener}${at}`;
        if (!this.#validators.has(key)) {
            this.#validators.set(key, this.#ajv(listener, strict).compile({ $ref: `whisp:${at}` }));
        }
        const validate = this.#validators.get(key);
        if (!validate(value)) {
            const [error] = validate.errors;
            throw new Lie(`${what}: ${error.instancePath || 'it'} ${error.message} ` +
                `${shown(error.params)}; ${listener}${at}; ${shown(value)}`);
        }
    }

    /** The operation of a request: {path, method} of the document, with its method when it has it. */
    operation(listener, method, path) {
        const plain = decoded(path.split('?')[0]);
        const route = this.#routes[listener].find(({ pattern }) => pattern.test(plain));
        const name = method === 'HEAD' ? 'get' : method.toLowerCase();
        const item = route && this.#documents[listener].paths[route.path];
        return { path: route?.path, method: item?.[name] && METHODS.includes(name) ? name : undefined };
    }

    /** Where the document has the answer: a pointer. */
    #responseOf({ listener, method, path, status }) {
        const document = this.#documents[listener];
        const shared = (name) => pointer('components', 'responses', name);
        const found = this.operation(listener, method, path);
        if (method === 'OPTIONS') {
            return shared(status === 204 ? 'Preflight' : 'Refused');
        }
        if (!found.method) {
            return shared({ 404: 'NoSuchPath', 405: 'WrongMethod', 429: 'TooManyConnections' }[status] ?? 'Refused');
        }
        const { responses } = document.paths[found.path][found.method];
        const name = status in responses ? status : 'default';
        return follow(document, pointer('paths', found.path, found.method, 'responses', name)).at;
    }

    /** Throws when an answer of the harness is not one that the document knows. */
    answer(res, sent) {
        const what = `${res.listener} ${res.method} ${res.path} answered ${res.status} ${res.text.slice(0, 300)}`;
        const at = this.#responseOf(res);
        const response = follow(this.#documents[res.listener], at).value;
        this.#headers(res, at, response, what);
        if (res.method !== 'HEAD') {
            this.#body(res, at, response, what);
        }
        if (res.status >= 200 && res.status < 300) {
            this.#request(res, sent, what);
        }
    }

    #headers(res, at, response, what) {
        const document = this.#documents[res.listener];
        const described = new Set(Object.keys(response.headers ?? {}).map((name) => name.toLowerCase()));
        for (const name of Object.keys(response.headers ?? {})) {
            const header = follow(document, `${at}/headers/${escape(name)}`);
            const value = res.headers.get(name);
            if (value !== null && value !== undefined) {
                this.valid(res.listener, `${header.at}/schema`, value, `${what}: the header ${name}`);
            } else if (header.value.required) {
                throw new Lie(`${what}, without the header ${name}; ${at}`);
            }
        }
        for (const name of TELLING) {
            if (res.headers.has(name) && !described.has(name)) {
                throw new Lie(`${what}, with the header ${name}, of which the document says nothing; ${at}`);
            }
        }
    }

    #body(res, at, response, what) {
        const type = typeOf(res.headers.get('content-type') ?? '');
        const known = Object.keys(response.content ?? {}).find((name) => typeOf(name) === type);
        if (known) {
            this.valid(res.listener, `${at}/content/${escape(known)}/schema`, res.body, what);
        } else if (res.text !== '' || (response.content && res.status !== 304)) {
            throw new Lie(`${what}, with the content type "${type}"; ${at}`);
        }
    }

    /** What the server took, the document must allow. */
    #request({ listener, method, path }, sent, what) {
        const found = this.operation(listener, method, path);
        if (!found.method) {
            return;
        }
        const document = this.#documents[listener];
        const operation = document.paths[found.path][found.method];
        const base = pointer('paths', found.path, found.method);
        if (typeof sent === 'string' && operation.requestBody?.content['application/json']) {
            const at = `${base}/requestBody/content/${escape('application/json')}/schema`;
            this.valid(listener, at, JSON.parse(sent), `${what} to ${sent.slice(0, 300)}`, { strict: false });
        }
        const query = new URLSearchParams(path.split('?')[1]);
        (operation.parameters ?? []).forEach((_, i) => {
            const { at, value: parameter } = follow(document, `${base}/parameters/${i}`);
            const text = query.get(parameter.name);
            if (parameter.in === 'query' && text !== null) {
                const value = ['integer', 'boolean'].includes(parameter.schema.type) ? JSON.parse(text) : text;
                this.valid(listener, `${at}/schema`, value, `${what}: its ${parameter.name}`, { strict: false });
            }
        });
    }

    /** Throws when a frame from the server is not one of the document. */
    frame({ command, headers, body }) {
        const event = command === 'MESSAGE' ? JSON.parse(body) : undefined;
        const name = command === 'ERROR' ? 'ERROR_FRAME' : event?.type ?? command;
        const what = `${command} ${shown(headers)} ${body}`;
        if (!(name in this.#messages)) {
            throw new Lie(`${what}: the document has no ${name}`);
        }
        const message = pointer('components', 'messages', name);
        this.valid('realtime', `${message}/headers`, headers, `${what}: the headers`);
        this.valid('realtime', `${message}/payload`, event ?? body, what);
    }

    /** Throws unless the document allows an action that the server has taken. */
    accepted(action) {
        const at = pointer('components', 'messages', `${action.type}_action`, 'payload');
        if (!(`${action.type}_action` in this.#messages)) {
            throw new Lie(`the document has no action ${shown(action)}`);
        }
        this.valid('realtime', at, action, `accepted: ${shown(action)}`, { strict: false });
    }

    /** Throws unless the document has this code for the end of a realtime connection. */
    closed(code) {
        const never = [1005, 1006]; // never on the wire: no code, and no close frame
        if (!never.includes(code) && !(code in this.#documents.realtime['x-close-codes'])) {
            throw new Lie(`closed with ${code}, which the document does not have`);
        }
    }
}

export const described = new Description();

const lies = [];
process.on('exit', () => {
    if (lies.length) {
        console.error(lies.map((lie) => lie.stack).join('\n'));
        process.exitCode = 1;
    }
});

/**
 * Runs a check in a place that has no caller who could see it fail, such as the arrival of an event.
 * A failure makes this test file fail, whatever its tests say; `tell` may make one say it too.
 */
export function insist(check, tell = () => {}) {
    try {
        check();
    } catch (error) {
        lies.push(error);
        tell(error);
    }
}
