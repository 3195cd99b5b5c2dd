// The built page. All of its few files are read at the start, so no path of a request ever meets
// the file system.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { HttpError } from './http_error.js';

const TYPES = {
    '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
    '.svg': 'image/svg+xml',
};

export function createStatic(folder, policy) {
    const files = new Map(filesBelow(folder, ''));
    files.set('/', files.get('/index.html'));

    return async (request, response, path) => {
        const file = files.get(path);
        if (!file) {
            throw new HttpError(404, 'There is no such page.');
        }
        if (request.method !== 'GET' && request.method !== 'HEAD') {
            throw new HttpError(405, 'This can only be read.');
        }
        response.writeHead(200, {
            'content-type': file.type,
            'content-length': file.content.length,
            // The names in assets/ change with what is in the files.
            'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
            'content-security-policy': policy,
            'referrer-policy': 'no-referrer',
            'x-content-type-options': 'nosniff',
        });
        response.end(request.method === 'HEAD' ? undefined : file.content);
    };
}

function filesBelow(folder, path) {
    return readdirSync(join(folder, path)).flatMap((name) => {
        const at = `${path}/${name}`;
        return statSync(join(folder, at)).isDirectory() ? filesBelow(folder, at)
            : [[at, { type: TYPES[extname(name)] ?? 'application/octet-stream', content: readFileSync(join(folder, at)) }]];
    });
}
