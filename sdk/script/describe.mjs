// Makes types of the API's documents, which test/types/described.ts holds the SDK's own against.
// AsyncAPI's schemas are JSON Schema as OpenAPI's are, so that they pass for an OpenAPI document's.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const documents = new URL('../../docs/openapi/', import.meta.url);
const made = new URL('../test/types/made/', import.meta.url);
const read = async (name) => JSON.parse(await readFile(new URL(name, documents), 'utf8'));

const { info, components: { schemas } } = await read('asyncapi.json');
const described = {
    'chat.ts': await read('chat.json'),
    'realtime.ts': { openapi: '3.1.0', info, paths: {}, components: { schemas } },
};

await mkdir(made, { recursive: true });
for (const [name, document] of Object.entries(described)) {
    await writeFile(new URL(name, made), astToString(await openapiTS(document, { silent: true })));
}
