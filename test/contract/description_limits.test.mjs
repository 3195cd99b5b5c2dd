// The limits of the documents are the server's. That they are not too tight shows in every other test:
// what the server takes, the document must allow. Here it shows that they are not too loose: for each
// length, list and number that a document limits, the server refuses one more and one less.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { follow, pointer, readDocuments } from './description.mjs';
import { api, createChat, createTenant, expectError, manage, startServer } from './harness.mjs';
import { connect } from './realtime.mjs';

const documents = readDocuments();
const server = await startServer({ args: ['--request-rate', 'off', '--key-rate', 'off'] });
const { account, app, users: [ann, bob] } = await createTenant(server, 'ann', 'bob');
const { chatId } = await createChat(ann, bob);
const session = await connect(server, ann);
const { messageId } = await session.post(chatId);
after(async () => {
    await session.close();
    await server.stop();
});

const callers = { apiKey: app.key, userToken: ann, accessToken: account };
const callerOf = ({ security }) => callers[security.flatMap(Object.keys)[0]] ?? server;
const ids = { chatId, appId: app.id, messageId, removeUser: bob.id };
const realPath = (path) => path.replace(/\{(\w+)\}/g, (_, name) => ids[name] ?? ids.chatId);

/** [what, value] for each value just outside the schema. */
function outside({ type, minLength, maxLength, minItems, maxItems, minimum, maximum }) {
    const rows = [];
    const add = (limit, value) => limit !== undefined && rows.push(value());
    const kind = [type].flat()[0];
    if (kind === 'string') {
        add(maxLength, () => [`${maxLength + 1} characters`, 'x'.repeat(maxLength + 1)]);
        add(minLength || undefined, () => [`${minLength - 1} characters`, 'x'.repeat(minLength - 1)]);
    } else if (kind === 'array') {
        add(maxItems, () => [`${maxItems + 1} items`, Array(maxItems + 1).fill('x')]);
        add(minItems, () => [`${minItems - 1} items`, Array(minItems - 1).fill('x')]);
    } else if (kind === 'integer') {
        add(maximum, () => [String(maximum + 1), maximum + 1]);
        add(minimum, () => [String(minimum - 1), minimum - 1]);
    }
    return rows;
}

let count = 0;
for (const [listener, send] of [['api', api], ['management', manage]]) {
    const document = documents[listener];
    for (const [path, item] of Object.entries(document.paths).filter(([each]) => !each.includes('wsConnect'))) {
        for (const [method, operation] of Object.entries(item)) {
            describe(`${listener} ${method} ${path}`, () => limits(document, send, path, method, operation));
        }
    }
}

function limits(document, send, path, method, operation) {
    const base = pointer('paths', path, method);
    const json = operation.requestBody?.content['application/json'];
    const properties = json ? follow(document, `${base}/requestBody/content/application~1json/schema`).value.properties : {};
    for (const [name, given] of Object.entries(properties)) {
        const schema = given.$ref ? follow(document, given.$ref).value : given;
        for (const [what, value] of outside(schema)) {
            count++;
            test(`${name} of ${what} is refused`, async () => {
                const body = { ...json.example, ...ids, [name]: value, currentPassword: account.password };
                const res = await send(callerOf(operation), method.toUpperCase(), realPath(path), body);
                assert.ok(expectError(res, 400, 'INVALID_FIELD').message.includes(name), res.text);
            });
        }
    }
    (operation.parameters ?? []).forEach((_, i) => {
        const parameter = follow(document, `${base}/parameters/${i}`).value;
        for (const [what, value] of parameter.in === 'query' ? outside(parameter.schema) : []) {
            count++;
            test(`${parameter.name} ${what} is refused`, async () => {
                const url = `${realPath(path)}?${parameter.name}=${value}`;
                const res = await send(callerOf(operation), method.toUpperCase(), url);
                assert.ok(expectError(res, 400, 'INVALID_FIELD').message.includes(parameter.name), res.text);
            });
        }
    });
}

const { schemas, messages } = documents.realtime.components;
for (const [name, { examples: [{ payload }] }] of Object.entries(messages)) {
    if (!name.endsWith('_action')) {
        continue;
    }
    describe(`the action ${payload.type}`, () => {
        test('is one that the server knows, and needs what the document says', async () => {
            for (const field of schemas[name].required.filter((each) => each !== 'type')) {
                const { [field]: left, ...rest } = { ...payload, ...ids };
                const { message } = await session.refused(rest, 'INVALID_FIELD');
                assert.ok(left && message.includes(field), message);
            }
        });
        for (const [field, schema] of Object.entries(schemas[name].properties)) {
            for (const [what, value] of outside(schema)) {
                count++;
                test(`${field} of ${what} is refused`, async () => {
                    const { message } = await session.refused({ ...payload, ...ids, [field]: value },
                                                              ['INVALID_FIELD', 'MESSAGE_TOO_LONG']);
                    assert.ok(message.includes(field), message);
                });
            }
        }
    });
}

test('there are limits to try', () => assert.ok(count > 40, `${count} limits`));
