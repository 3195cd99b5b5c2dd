// STOMP 1.2 frames as text. Pure: no socket, no timer. Written here because the libraries there are
// want TextEncoder and TextDecoder, which React Native has not.

export interface Frame {
    command: string;
    headers: Record<string, string>;
    body: string;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', ':': '\\c' };
const UNESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r', '\\c': ':' };

/** CONNECT and CONNECTED escape nothing, so that older versions can read them. */
const isPlain = (command: string): boolean => command === 'CONNECT' || command === 'CONNECTED';

export function encodeFrame({ command, headers, body }: Frame): string {
    const escape = (text: string): string =>
        (isPlain(command) ? text : text.replace(/[\\\n\r:]/g, (char) => ESCAPES[char] as string));
    const head = Object.entries(headers).map(([name, value]) => `${escape(name)}:${escape(value)}\n`).join('');
    return `${command}\n${head}\n${body}\0`;
}

/**
 * The frames of one message from the server, which holds whole ones. The NUL at the end may be
 * missing: React Native cuts texts there. Heart-beats are left out.
 */
export function decodeFrames(message: string): Frame[] {
    return message.split('\0').map((text) => text.replace(/^[\r\n]+/, '')).filter((text) => text !== '').map(decodeFrame);
}

function decodeFrame(text: string): Frame {
    const [head] = /^[^]*?\r?\n\r?\n/.exec(text) ?? [text];
    const [command = '', ...lines] = head.split(/\r?\n/);
    const unescape = (part: string): string =>
        (isPlain(command) ? part : part.replace(/\\[\\nrc]/g, (pair) => UNESCAPES[pair] as string));
    const headers = Object.create(null) as Record<string, string>;
    for (const line of lines) {
        const colon = line.indexOf(':');
        const name = unescape(line.slice(0, colon));
        if (colon > 0 && !(name in headers)) { // of a repeated header the first counts
            headers[name] = unescape(line.slice(colon + 1));
        }
    }
    return { command, headers, body: text.slice(head.length) };
}

/** UTF-8, by hand: not every React Native has a TextEncoder. A lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
    const bytes: number[] = [];
    for (const char of text) {
        const point = char.codePointAt(0) as number;
        const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
        if (code < 0x80) {
            bytes.push(code);
        } else if (code < 0x800) {
            bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
        } else if (code < 0x10000) {
            bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
        } else {
            bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
        }
    }
    return new Uint8Array(bytes);
}
