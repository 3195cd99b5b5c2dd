// Starts the example: node server/main.js, or npm start, which builds the page first.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createApp } from './app.js';
import { readSettings } from './settings.js';

const page = fileURLToPath(new URL('../dist', import.meta.url));

try {
    const settings = readSettings(process.env);
    if (!existsSync(page)) {
        throw new Error('The page is not built: run `npm run build`, or `npm start`, which does it.');
    }
    const server = createApp(settings, page);
    server.on('error', fail);
    server.listen(settings.port, () => {
        console.log(`Web chat: http://localhost:${server.address().port}`);
    });
} catch (error) {
    fail(error);
}

function fail(error) {
    console.error(`web-chat: ${error.message}`);
    process.exitCode = 1;
}
