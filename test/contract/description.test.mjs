// The documents of the APIs are valid, complete and the server's; and what holds every answer of the
// other tests against them (description.mjs) does notice a lie.

import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { Validator } from '@seriousme/openapi-schema-validator';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { Description, follow, Lie, pointer, readDocuments } from './description.mjs';
import { run } from './harness.mjs';
import { SHAPES } from './shapes.mjs';

const documents = readDocuments();
const { api, management, realtime } = documents;
const described = new Description(documents);
const source = (name) => readFileSync(new URL(`../../src/${name}`, import.meta.url), 'utf8');

/** code -> [status, sentence]: what the server can refuse with. */
const ERRORS = Object.fromEntries(
    [...source('base/err.h').matchAll(/X\((\w+), (\d+),[\s\\]*"([^"]*)"\)/g)]
        .filter(([, code]) => code !== 'OK')
        .map(([, code, status, sentence]) => [code, [Number(status), sentence]]));

/** Every operation: {listener, path, method, operation}. */
const operations = Object.entries({ api, management }).flatMap(([listener, { paths }]) =>
    Object.entries(paths).flatMap(([path, item]) => Object.entries(item)
        .map(([method, operation]) => ({ listener, path, method, operation }))));

/** Everything in the document that `wanted` likes: [pointer, value]. */
function* find(node, wanted, steps = []) {
    if (node === null || typeof node !== 'object') {
        return;
    }
    for (const [name, value] of Object.entries(node)) {
        if (wanted(name, value)) {
            yield [pointer(...steps, name), value];
        }
        yield* find(value, wanted, [...steps, name]);
    }
}

// ---------------------------------------------------------------- the documents themselves

for (const [listener, document] of Object.entries({ api, management })) {
    test(`the ${listener} document is valid OpenAPI 3.1`, async () => {
        assert.match(document.openapi, /^3\.1\./);
        const result = await new Validator().validate(structuredClone(document));
        assert.ok(result.valid, JSON.stringify(result.errors)?.slice(0, 2000));
    });
}

test('the realtime document is valid AsyncAPI 3', () => {
    assert.equal(realtime.asyncapi, '3.0.0');
    const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json');
    const ajv = new (Ajv.default ?? Ajv)({ strict: false, meta: false, validateSchema: false, allErrors: true });
    (addFormats.default ?? addFormats)(ajv);
    const validate = ajv.compile(schema);
    assert.ok(validate(realtime), JSON.stringify(validate.errors)?.slice(0, 2000));
});

test('every reference leads somewhere, inside its document', () => {
    for (const document of Object.values(documents)) {
        for (const [at, ref] of find(document, (name, value) => name === '$ref' && typeof value === 'string')) {
            assert.notEqual(follow(document, ref).value, undefined, `${at}: ${ref}`);
        }
    }
});

test('they are of the version that the server is', async () => {
    const { stdout } = await run(['version']);
    for (const document of Object.values(documents)) {
        assert.equal(`whispd ${document.info.version}`, stdout.trim());
    }
});

test('what two documents define under one name is the same', () => {
    for (const [one, other] of [[api, realtime], [api, management], [management, realtime]]) {
        for (const [name, schema] of Object.entries(one.components.schemas)) {
            const twin = other.components.schemas[name];
            const unlike = ['Profile']; // an account's and a user's
            if (twin && !unlike.includes(name)) {
                assert.deepEqual(schema, twin, name);
            }
        }
    }
});

test('every operation has a name of its own and says who may call', () => {
    for (const document of [api, management]) {
        const ids = operations.map(({ operation }) => operation).filter((operation) =>
            Object.values(document.paths).some((item) => Object.values(item).includes(operation)));
        assert.equal(new Set(ids.map(({ operationId }) => operationId)).size, ids.length);
        ids.forEach(({ operationId, security }) => assert.ok(security, operationId));
    }
});

// ---------------------------------------------------------------- routes

test('the documents have the routes of the server, all of them and no others', async () => {
    const CLASSES = { apiKey: 'key', userToken: 'user', accessToken: 'account' };
    const classOf = ({ security }) => {
        const [scheme] = security.flatMap(Object.keys);
        return CLASSES[scheme] ?? 'none'; // a ticket, a refresh token: the route looks itself
    };
    const shape = (path) => path.replace(/\{\w+\}|\*/g, '{}');
    const routes = JSON.parse((await run(['routes'])).stdout);
    assert.deepEqual(
        operations.map(({ listener, path, method, operation }) =>
            `${listener} ${method.toUpperCase()} ${shape(path)} ${classOf(operation)}`).sort(),
        routes.map(({ listener, method, path, auth }) => `${listener} ${method} ${shape(path)} ${auth}`).sort());
});

// ---------------------------------------------------------------- errors

test('the documents have the error codes of the server, all of them and no others', () => {
    const named = new Set();
    for (const document of Object.values(documents)) {
        for (const [, { enum: codes }] of find(document, (name, value) => name === 'code' && value?.enum)) {
            codes.forEach((code) => named.add(code));
        }
    }
    assert.deepEqual([...named].sort(), Object.keys(ERRORS).sort());
});

for (const [listener, document] of Object.entries({ api, management })) {
    test(`the ${listener} document has each code at its status, with an example in the server's words`, () => {
        const responses = [
            ...operations.filter((each) => each.listener === listener).flatMap(({ path, method, operation }) =>
                Object.keys(operation.responses).map((status) =>
                    [status, follow(document, pointer('paths', path, method, 'responses', status)).value])),
        ];
        for (const [status, response] of responses) {
            const content = response.content?.['application/json'];
            for (const code of content?.schema.properties?.code?.enum ?? []) {
                const [expected, sentence] = ERRORS[code];
                assert.ok(['default', String(expected)].includes(status), `${code} at ${status}`);
                const { value } = follow(document, content.examples[code].$ref).value;
                assert.equal(value.code, code);
                assert.ok(value.message.startsWith(sentence.replace(/\.$/, '')), value.message);
            }
        }
    });
}

// ---------------------------------------------------------------- examples

const isSchemaWithExample = (name, value) => name === 'schema' && value !== null;

for (const listener of ['api', 'management']) {
    test(`the examples of the ${listener} document are what their schemas say`, () => {
        const document = documents[listener];
        let count = 0;
        const parents = [...find(document, isSchemaWithExample)].map(([at]) => at.replace(/\/schema$/, ''));
        for (const at of parents) {
            const { value: parent } = follow(document, at);
            const examples = Object.values(parent.examples ?? {})
                .map((example) => (example.$ref ? follow(document, example.$ref).value : example).value);
            for (const example of [parent.example, ...examples].filter((each) => each !== undefined)) {
                described.valid(listener, `${at}/schema`, example, `the example at ${at}`);
                count++;
            }
        }
        assert.ok(count > 50, `${count} examples`);
    });

    test(`every JSON body of the ${listener} document has an example`, () => {
        const document = documents[listener];
        const missing = [...find(document, (name, value) => name === 'application/json' && value?.schema)]
            .filter(([at, value]) => !('example' in value) && !value.examples && !/(openapi|asyncapi)\.json/.test(at));
        assert.deepEqual(missing.map(([at]) => at), []);
    });
}

test('the examples of the realtime document are what their schemas say', () => {
    for (const [name, { examples }] of Object.entries(realtime.components.messages)) {
        assert.ok(examples.length > 0, name);
        for (const example of examples) {
            for (const part of ['headers', 'payload'].filter((each) => each in example)) {
                described.valid('realtime', pointer('components', 'messages', name, part), example[part], name);
            }
        }
    }
});

// ---------------------------------------------------------------- realtime

test('the realtime document has every event, and every close code of the server', () => {
    const events = Object.keys(realtime.channels.events.messages);
    const notes = ['ERROR', 'PRESENCE', 'RESUMED', 'RESYNC'];
    assert.deepEqual(events.sort(), [...Object.keys(SHAPES), ...notes].sort());
    const unsent = ['1005', '1006']; // never on the wire
    const codes = [...source('codec/ws.h').matchAll(/WS_\w+ = (1\d\d\d),/g)].map(([, code]) => code);
    assert.deepEqual(Object.keys(realtime['x-close-codes']).sort(),
                     codes.filter((code) => !unsent.includes(code)).sort());
});

// ---------------------------------------------------------------- does it notice a lie?

const getUser = { listener: 'api', method: 'GET', path: '/api/user/getUser' };
const profile = api.paths['/api/user/getUser'].get.responses[200].content['application/json'].example;

/** An answer as the harness has it. */
function answer({ body = profile, status = 200, headers = {}, ...request }) {
    const text = JSON.stringify(body);
    const all = { 'x-request-id': 'abc', 'content-type': 'application/json', ...headers };
    return { ...getUser, ...request, status, body, text,
             headers: new Headers(Object.entries(all).filter(([, value]) => value !== undefined)) };
}

const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
const notFound = { message: 'There is nothing here.', code: 'NOT_FOUND' };

describe('an answer', () => {
    const truths = {
        'as the document has it': {},
        'to HEAD': { method: 'HEAD' },
        'of an unknown path': { path: '/nowhere', status: 404, body: notFound },
    };
    for (const [name, row] of Object.entries(truths)) {
        test(`${name} is none`, () => described.answer(answer(row)));
    }
    const liesOf = {
        'with a field more': { body: { ...profile, age: 7 } },
        'with a field less': { body: without(profile, 'email') },
        'with a field of another type': { body: { ...profile, email: 7 } },
        'with an id in another form': { body: { ...profile, id: profile.id.toUpperCase() } },
        'of another status': { status: 206 },
        'with a code that is not of this route': { status: 404, body: notFound },
        'without a header': { headers: { 'x-request-id': undefined } },
        'with a header that is not of this route': { headers: { 'set-cookie': 'a=b' } },
        'of another content type': { headers: { 'content-type': 'text/plain' } },
        'of a path that the document has not': { path: '/api/user/getUsers' },
    };
    for (const [name, row] of Object.entries(liesOf)) {
        test(`${name} is a lie`, () => assert.throws(() => described.answer(answer(row)), Lie));
    }
    test('to a request that the document forbids is a lie', () => {
        const request = { method: 'POST', path: '/api/user/changeUsername', body: {},
                          headers: { authorization: 'a.b.c' } };
        described.answer(answer(request), '{"newUsername":"ann"}');
        assert.throws(() => described.answer(answer(request), `{"newUsername":"${'x'.repeat(65)}"}`), Lie);
        const query = (size) => answer({ path: `/api/chat/getChats?size=${size}`,
                                         body: { chats: [], nextCursor: null } });
        described.answer(query(5000));
        assert.throws(() => described.answer(query(0)), Lie);
    });
});

/** Every place where a schema, or a part of it, says something of an object's field: [properties, name]. */
function fieldsOf(document, at) {
    const { at: here, value } = follow(document, at);
    const own = Object.keys(value.properties ?? {}).map((name) => [value.properties, name]);
    const parts = ['items', 'then', 'else'].filter((name) => name in value).map((name) => `${here}/${name}`)
        .concat((value.allOf ?? []).map((_, i) => `${here}/allOf/${i}`));
    return [...own, ...parts.flatMap((part) => fieldsOf(document, part))];
}

/** Takes each field of the example out of its schema, one at a time; then `check` must see a lie. */
function eachFieldCounts(name, at, example, check) {
    const object = Array.isArray(example) ? example[0] : example;
    const fields = new Set(fieldsOf(documents[name], at).map(([, field]) => field));
    for (const field of fields) {
        const poorer = { ...documents, [name]: structuredClone(documents[name]) };
        fieldsOf(poorer[name], at).filter(([, each]) => each === field)
            .forEach(([properties]) => delete properties[field]);
        if (field in object) {
            assert.throws(() => check(new Description(poorer)), Lie, `${at} without ${field}`);
        }
    }
    return fields.size;
}

test('a document without one of its fields is found out, whichever it is', () => {
    let count = 0;
    const seen = new Set();
    for (const { listener, path, method, operation } of operations) {
        for (const [status, { content }] of Object.entries(operation.responses)) {
            const json = content?.['application/json'];
            const at = pointer('paths', path, method, 'responses', status, 'content', 'application/json', 'schema');
            const shared = json && `${listener}${follow(documents[listener], at).at}`;
            if (json?.example && status < 300 && !seen.has(shared)) {
                seen.add(shared);
                count += eachFieldCounts(listener, at, json.example, (poorer) =>
                    poorer.valid(listener, at, json.example, path));
            }
        }
    }
    assert.ok(count > 80, `${count} fields`);
});

test('so is a realtime document', () => {
    for (const name of Object.keys(realtime.channels.events.messages)) {
        const [{ payload }] = realtime.components.messages[name].examples;
        const at = pointer('components', 'schemas', name);
        const body = JSON.stringify(payload);
        const headers = { destination: `/user/${profile.id}/queue/messages`, subscription: '0', 'message-id': 'e1',
                          'content-type': 'application/json', 'content-length': String(body.length) };
        const frame = { command: 'MESSAGE', headers, body };
        described.frame(frame);
        assert.ok(eachFieldCounts('realtime', at, payload, (poorer) => poorer.frame(frame)) > 1, name);
    }
});

test('an unknown event, action or close code is a lie', () => {
    const headers = { destination: '', subscription: '0', 'message-id': 'e1' };
    assert.throws(() => described.frame({ command: 'MESSAGE', headers, body: '{"type":"NEWS"}' }), Lie);
    assert.throws(() => described.accepted({ type: 'SHOUT', chatId: profile.id }), Lie);
    assert.throws(() => described.accepted({ type: 'TYPING' }), Lie);
    assert.throws(() => described.closed(1003), Lie);
    described.accepted({ type: 'TYPING', chatId: profile.id, more: 1 });
    described.closed(1008);
});
