import { HttpError } from './http_error.js';

const MOST_BYTES = 4 * 1024;

/**
 * The request's JSON object. Nothing but application/json is taken: a form of another site cannot
 * send that without asking first, which is never allowed here.
 */
export async function readJson(request) {
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
        throw new HttpError(415, 'Send JSON, as application/json.');
    }
    const chunks = [];
    let bytes = 0;
    for await (const chunk of request) {
        bytes += chunk.length;
        if (bytes > MOST_BYTES) {
            throw new HttpError(413, `Send at most ${MOST_BYTES} bytes.`);
        }
        chunks.push(chunk);
    }
    try {
        return Object(JSON.parse(Buffer.concat(chunks).toString()));
    } catch {
        throw new HttpError(400, 'That is not JSON.');
    }
}
