// examples/web-chat: what it makes of texts, names and lists, without a browser.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const sdk = new URL('../../sdk/', import.meta.url);
const source = (name) => fileURLToPath(new URL(`../../examples/web-chat/src/${name}.ts`, import.meta.url));
let words, text, timeline;

async function load(name) {
    const { build } = createRequire(new URL('package.json', sdk))('esbuild');
    const { outputFiles: [{ text: code }] } = await build({
        entryPoints: [source(name)], bundle: true, write: false, format: 'esm', logLevel: 'silent' });
    return import(`data:text/javascript,${encodeURIComponent(code)}`);
}

before(async () => {
    [words, text, timeline] = await Promise.all(['words', 'text', 'timeline'].map(load));
});

describe('cutting text', () => {
    test('never inside of a letter, whatever it is made of', () => {
        const family = '👩‍👩‍👧';
        for (const letter of ['😀', family, '🇫🇷', 'é', '𝒳']) {
            for (let max = 1; max <= 20; max++) {
                const cut = words.shortened(letter.repeat(30), max);
                assert.ok(words.lengthOf(cut) <= max, `${letter} ${max}`);
                assert.ok(cut.isWellFormed?.() ?? true);
                assert.equal(cut.slice(0, -1).replaceAll(letter, ''), '', `${letter} at ${max}: ${cut}`);
            }
        }
        assert.equal(words.shortened('short', 5), 'short');
    });

    test('the name of a chat made without one fits, and is what the server takes', () => {
        const name = words.defaultName(Array.from({ length: 40 }, () => '😀'.repeat(3)), 128);
        assert.ok(words.lengthOf(name) <= 128);
        assert.doesNotMatch(name, /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
    });

    test('initials are whole letters', () => {
        assert.equal(words.initials('👩‍👩‍👧 smith'), '👩‍👩‍👧S');
        assert.equal(words.initials('ann b. carl'), 'AB');
        assert.equal(words.initials(''), '');
    });
});

describe('names', () => {
    test('two and the number of the others', () => {
        const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
        assert.equal(words.listed(words.summed(names, 2)), 'n0, n1 and 38 others');
        assert.equal(words.listed(words.summed(names.slice(0, 3), 2)), 'n0, n1 and n2');
        assert.equal(words.listed(words.summed(['n0'], 2)), 'n0');
    });

    test('a chat of two without a name of its own is called after the other one', () => {
        const two = (chatName, groupChat = false) => ({ chatName, groupChat });
        assert.equal(words.chatTitle(two('ann and bob'), 'ann'), 'bob');
        assert.equal(words.chatTitle(two('ann and bob'), 'bob'), 'ann');
        assert.equal(words.chatTitle(two('Lunch'), 'bob'), 'Lunch');
        assert.equal(words.chatTitle(two('ann and bob', true), 'bob'), 'ann and bob');
        assert.equal(words.chatTitle(two('ann and bob'), ''), 'ann and bob');
    });
});

describe('links', () => {
    const links = (some) => text.parts(some).filter(({ kind }) => kind === 'link').map((part) => part.text);

    for (const [some, ...expected] of [
        ['nothing here'],
        ['see https://example.com.', 'https://example.com'],
        ['(https://en.example/wiki/A_(b)), and http://b.example/?q=1#x!', 'https://en.example/wiki/A_(b)', 'http://b.example/?q=1#x'],
        ['<https://a.example/x>', 'https://a.example/x'],
        ['HTTPS://A.EXAMPLE', 'HTTPS://A.EXAMPLE'],
        ['javascript:alert(1) data:text/html,x ftp://a.example xhttps://a.example'],
        ['https:// http://?'],
        ['https://例え.example/道', 'https://例え.example/道'],
    ]) {
        test(some, () => {
            assert.deepEqual(links(some), expected);
            assert.equal(text.parts(some).map((part) => part.text).join(''), some);
        });
    }
});

test('emoji and nothing else', () => {
    for (const some of ['😀', '👩‍👩‍👧 🇫🇷', '❤️', '❤', '👍🏽', '1️⃣', '😀😀😀😀😀😀']) {
        assert.equal(text.isEmojiOnly(some), true, some);
    }
    for (const some of ['', ' ', '1', '12', 'ok 😀', '😀!', '😀😀😀😀😀😀😀', '#']) {
        assert.equal(text.isEmojiOnly(some), false, some);
    }
});

describe('the rows of a history', () => {
    const message = (messageId, minute, senderId = 'bob') => ({
        messageId, senderId, timeStamp: new Date(Date.UTC(2024, 0, 1, 12, minute)).toISOString() });
    const notice = (id, minute, more = {}) => ({ id, kind: 'left', name: 'carl', chatId: 'c', at: message('', minute).timeStamp, ...more });
    const keys = (rows) => rows.filter(({ kind }) => kind !== 'day').map(({ key }) => key);

    test('who came and went stands between the messages of before and after', () => {
        const rows = timeline.timeline([message('1', 1), message('2', 2)], [notice('late', 9), notice('early', 0), notice('mid', 1.5)]);
        assert.deepEqual(keys(rows), ['early', '1', 'mid', '2', 'late']);
        assert.deepEqual(rows.filter(({ kind }) => kind === 'message').map(({ firstOfGroup }) => firstOfGroup), [true, true]);
    });

    test('what was before the first message that is read waits for older ones', () => {
        assert.deepEqual(keys(timeline.timeline([message('1', 1)], [notice('early', 0)], null, true)), ['1']);
    });

    test('messages keep the order of the server when its clock was set back', () => {
        assert.deepEqual(keys(timeline.timeline([message('1', 5), message('2', 3)], [notice('n', 4)])), ['n', '1', '2']);
    });

    test('the line stands before the first unread one, which begins a group', () => {
        const rows = timeline.timeline([message('1', 1), message('2', 2)], [], '2');
        assert.deepEqual(keys(rows), ['1', 'unread', '2']);
        assert.equal(rows.at(-1).firstOfGroup, true);
    });

    test('who joined is told once, by the server or by this device', () => {
        const chat = { chatId: 'c', createdAt: message('', 0).timeStamp };
        const members = [{ userId: 'a', username: 'ann', joinedChatAt: chat.createdAt },
                         { userId: 'c', username: 'carl', joinedChatAt: message('', 7).timeStamp }];
        const seen = [notice('1', 2, { kind: 'joined' }), notice('2', 5), notice('3', 7, { kind: 'joined' }),
                      notice('4', 8, { kind: 'joined', name: 'dora' }), notice('5', 9, { chatId: 'other' })];
        assert.deepEqual(timeline.noticesOf(chat, members, seen).map(({ id }) => id), ['1', '2', '4', 'joined c']);
    });
});
