import { expect, test } from 'vitest';
import { decodeFrames, encodeFrame, encodeUtf8 } from '../../src/stomp.js';

test.each([
    ['one frame', 'MESSAGE\nmessage-id:e1\n\n{"a":1}\0', [{ command: 'MESSAGE', headers: { 'message-id': 'e1' }, body: '{"a":1}' }]],
    ['cut at its NUL', 'MESSAGE\nmessage-id:e1\n\n{"a":1}', [{ command: 'MESSAGE', headers: { 'message-id': 'e1' }, body: '{"a":1}' }]],
    ['a heart-beat', '\n', []],
    ['a heart-beat of two', '\r\n', []],
    ['nothing', '', []],
    ['without headers', 'RECEIPT\n\n\0', [{ command: 'RECEIPT', headers: {}, body: '' }]],
    ['lines of Windows', 'RECEIPT\r\nreceipt-id:a\r\n\r\n\0\n', [{ command: 'RECEIPT', headers: { 'receipt-id': 'a' }, body: '' }]],
    ['escapes', 'ERROR\nmessage:a\\cb\\nc\\\\d\\re\n\n\0', [{ command: 'ERROR', headers: { message: 'a:b\nc\\d\re' }, body: '' }]],
    ['none in CONNECTED', 'CONNECTED\nserver:a\\cb:c\n\n\0', [{ command: 'CONNECTED', headers: { server: 'a\\cb:c' }, body: '' }]],
    ['the first of a repeated header', 'RECEIPT\na:1\na:2\n\n\0', [{ command: 'RECEIPT', headers: { a: '1' }, body: '' }]],
    ['a header named as what objects have', 'RECEIPT\n__proto__:1\ntoString:2\n\n\0',
     [{ command: 'RECEIPT', headers: Object.assign(Object.create(null), { ['__proto__']: '1', toString: '2' }) as object, body: '' }]],
    ['an empty line in the body', 'MESSAGE\na:1\n\nx\n\ny\0', [{ command: 'MESSAGE', headers: { a: '1' }, body: 'x\n\ny' }]],
    ['two frames', '\nRECEIPT\nreceipt-id:a\n\n\0\nRECEIPT\nreceipt-id:b\n\n\0\n',
     ['a', 'b'].map((id) => ({ command: 'RECEIPT', headers: { 'receipt-id': id }, body: '' }))],
])('decoding: %s', (_, text, frames) => {
    expect(decodeFrames(text).map(({ command, headers, body }) => ({ command, headers: Object.entries(headers), body })))
        .toEqual(frames.map(({ command, headers, body }) => ({ command, headers: Object.entries(headers), body })));
});

test('what is encoded is decoded again, and a CONNECT escapes nothing', () => {
    const frame = { command: 'SEND', headers: { receipt: 'a:b\\c\nd\r' }, body: '{"message":"é 👍 \\u0000"}' };
    expect(decodeFrames(encodeFrame(frame)).map((one) => ({ ...one, headers: { ...one.headers } }))).toEqual([frame]);
    expect(encodeFrame({ command: 'CONNECT', headers: { Authorization: 'Bearer a:b' }, body: '' }))
        .toBe('CONNECT\nAuthorization:Bearer a:b\n\n\0');
});

test('UTF-8 is what TextEncoder makes of it', () => {
    for (const text of ['', 'a', '\0\n', 'é', 'ߐ€', '\uffff', '👍🏽', '\ud800x', 'x\udc00', '\udbff\udfff']) {
        expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text));
    }
});
