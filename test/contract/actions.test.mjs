// The actions table: every refusal with its code, every no-op, retries, marks, rates.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { api, createChat, createTenant, expectStatus, startServer, unique, UNKNOWN_ID,
         UUID7 } from './harness.mjs';
import { connect, Refused, WAIT } from './realtime.mjs';
import { everyone } from './shapes.mjs';

let server, ann, bob, eve;
let anns, bobs, eves;
/** The ids that the rows below speak of: see before(). */
const ids = {};

before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'] });
    ({ users: [ann, bob, eve] } = await createTenant(server, 'ann', 'bob', 'eve'));
    [anns, bobs, eves] = await Promise.all([ann, bob, eve].map((user) => connect(server, user)));
    ids.chat = (await createChat(ann, bob)).chatId; // made by ann; eve is no member
    ids.other = (await createChat(ann, eve)).chatId; // bob is no member
    ids.anns = (await anns.post(ids.chat, 'of ann')).messageId;
    ids.bobs = (await bobs.post(ids.chat, 'of bob')).messageId;
    ids.elsewhere = (await anns.post(ids.other, 'elsewhere')).messageId;
    ids.deleted = (await bobs.post(ids.chat, 'gone')).messageId;
    await bobs.send({ type: 'DELETE_MSG', chatId: ids.chat, messageId: ids.deleted });
    await anns.send({ type: 'REACT', chatId: ids.chat, messageId: ids.bobs, reaction: '🎉' });
    ids.reaction = (await anns.next('REACT')).messageId;

    const { users: [zoe, yan] } = await createTenant(server, 'zoe', 'yan');
    ids.foreignChat = (await createChat(zoe, yan)).chatId;
});

beforeEach(() => [anns, bobs, eves].forEach((session) => session.forget()));

after(async () => {
    await Promise.all([anns, bobs, eves].filter(Boolean).map((session) => session.drop()));
    await server?.stop();
});

async function history(user, chatId, size = 100) {
    const res = await api(user, 'GET', `/api/messages/getMessages/${chatId}?size=${size}`);
    return expectStatus(res, 200).body.messages;
}

// ---------------------------------------------------------------- refusals

const INVALID = ['INVALID_FIELD', 'INVALID_ID'];

/** The good action of each type, by bob in the chat that ann made. A row below spoils one thing. */
const good = {
    SEND_MSG: () => ({ type: 'SEND_MSG', chatId: ids.chat, message: 'x' }),
    EDIT_MSG: () => ({ type: 'EDIT_MSG', chatId: ids.chat, messageId: ids.bobs, message: 'x' }),
    DELETE_MSG: () => ({ type: 'DELETE_MSG', chatId: ids.chat, messageId: ids.bobs }),
    REPLY: () => ({ type: 'REPLY', chatId: ids.chat, messageId: ids.anns, message: 'x' }),
    TYPING: () => ({ type: 'TYPING', chatId: ids.chat }),
    REACT: () => ({ type: 'REACT', chatId: ids.chat, messageId: ids.anns, reaction: '🙂' }),
    DELETE_REACT: () => ({ type: 'DELETE_REACT', reactionId: ids.reaction }),
    READ_MSG: () => ({ type: 'READ_MSG', chatId: ids.chat, messageId: ids.anns }),
};

/** Which fields each type needs, and that is also the list of what may be missing or wrong. */
const fields = {
    SEND_MSG: ['chatId', 'message'],
    EDIT_MSG: ['chatId', 'messageId', 'message'],
    DELETE_MSG: ['chatId', 'messageId'],
    REPLY: ['chatId', 'messageId', 'message'],
    TYPING: ['chatId'],
    REACT: ['chatId', 'messageId', 'reaction'],
    DELETE_REACT: ['reactionId'],
    READ_MSG: ['chatId', 'messageId'],
};

const refusals = [];
const row = (name, type, change, code) => refusals.push({ name: `${type} ${name}`, type, change, code });

for (const [type, needed] of Object.entries(fields)) {
    for (const field of needed) {
        row(`without ${field}`, type, () => ({ [field]: undefined }), INVALID);
        for (const value of [null, 7, true, ['x'], { x: 1 }]) {
            row(`with ${field} ${JSON.stringify(value)}`, type, () => ({ [field]: value }), INVALID);
        }
    }
    for (const field of needed.filter((name) => name.endsWith('Id'))) {
        for (const value of ['', 'x', `${UNKNOWN_ID}0`, UNKNOWN_ID.replaceAll('-', ''), "' OR 1=1 --"]) {
            row(`with ${field} "${value}"`, type, () => ({ [field]: value }), INVALID);
        }
    }
    if (needed.includes('chatId')) {
        row('in an unknown chat', type, () => ({ chatId: UNKNOWN_ID }), 'CHAT_NOT_FOUND');
        row('in a chat of another app', type, () => ({ chatId: ids.foreignChat }), 'CHAT_NOT_FOUND');
        row('in a chat of others', type, () => ({ chatId: ids.other }), 'NOT_A_MEMBER');
    }
    if (needed.includes('messageId')) {
        row('of an unknown message', type, () => ({ messageId: UNKNOWN_ID }), 'MESSAGE_NOT_FOUND');
        row('of a message of another chat', type, () => ({ messageId: ids.elsewhere }), 'MESSAGE_NOT_FOUND');
    }
    if (needed.includes('message')) {
        row('with an empty message', type, () => ({ message: '' }), ['MESSAGE_TOO_LONG', 'INVALID_FIELD']);
        row('of 10,001 characters', type, () => ({ message: 'x'.repeat(10_001) }), 'MESSAGE_TOO_LONG');
        row('of 10,001 emoji', type, () => ({ message: '😀'.repeat(10_001) }), 'MESSAGE_TOO_LONG');
    }
}
row('of another one\'s message', 'EDIT_MSG', () => ({ messageId: ids.anns }), 'NOT_THE_SENDER');
row('of another one\'s message', 'DELETE_MSG', () => ({ messageId: ids.anns }), 'NOT_THE_SENDER');
row('of a deleted message', 'EDIT_MSG', () => ({ messageId: ids.deleted }), 'MESSAGE_NOT_FOUND');
row('to a deleted message', 'REPLY', () => ({ messageId: ids.deleted }), 'MESSAGE_NOT_FOUND');
row('to a deleted message', 'REACT', () => ({ messageId: ids.deleted }), 'MESSAGE_NOT_FOUND');
row('with an empty reaction', 'REACT', () => ({ reaction: '' }), 'INVALID_FIELD');
row('with a reaction of 65 bytes', 'REACT', () => ({ reaction: `${'🎉'.repeat(16)}x` }), 'INVALID_FIELD');
row('of an unknown reaction', 'DELETE_REACT', () => ({ reactionId: UNKNOWN_ID }), 'REACTION_NOT_FOUND');
row('of another one\'s reaction', 'DELETE_REACT', () => ({}), 'NOT_THE_OWNER');
for (const type of ['SEND_MSG', 'REPLY']) {
    for (const value of ['', 'x'.repeat(65), 7, {}]) {
        row(`with clientMessageId ${JSON.stringify(value).slice(0, 20)}`, type,
            () => ({ clientMessageId: value }), 'INVALID_FIELD');
    }
}
for (const value of ['', 'send_msg', 'NEW_CHAT', 'ERROR', 'SEND_MSG ', 'x'.repeat(300)]) {
    row(`under the name ${value.slice(0, 20)}`, 'TYPING', () => ({ type: value }), 'UNKNOWN_ACTION');
}
for (const value of [undefined, null, 3, ['SEND_MSG']]) {
    row(`with type ${JSON.stringify(value)}`, 'TYPING', () => ({ type: value }),
        ['UNKNOWN_ACTION', 'INVALID_FIELD']);
}

describe('refused, told to the acting session, nobody else hears of it', () => {
    for (const { name, type, change, code } of refusals) {
        test(name, async () => {
            const event = await bobs.refused({ ...good[type](), ...change() }, code);
            assert.equal(event.type, 'ERROR');
            assert.match(event.message, /^\S.*\S$/s);
        });
    }

    const bodies = ['', 'x', '{', '[]', 'null', '"SEND_MSG"', '7', '{"type":"TYPING"}}',
                    '{"type":"SEND_MSG","type":', '\ufeff{}', '['.repeat(5000)];
    for (const body of bodies) {
        test(`a body that is no JSON object: ${body.slice(0, 20) || '(empty)'}`, async () => {
            await bobs.refused(body, ['INVALID_JSON', 'BAD_REQUEST', 'INVALID_FIELD', 'UNKNOWN_ACTION']);
        });
    }

    for (const [name, escaped] of [['U+0000', '\\u0000'], ['a lone surrogate', '\\ud83d']]) {
        test(`a message with ${name}`, async () => {
            await bobs.refused(`{"type":"SEND_MSG","chatId":"${ids.chat}","message":"a${escaped}b"}`,
                               ['INVALID_JSON', 'INVALID_FIELD']);
        });
    }

    test('after all of these the session works and the others heard nothing', async () => {
        const before = await history(ann, ids.chat);
        for (const { type, change } of refusals.filter((row) => row.type !== 'TYPING')) {
            await bobs.refused({ ...good[type](), ...change() });
        }
        await anns.none(({ type }) => type !== 'READ_MSG', { chat: ids.chat, by: bobs });
        const now = (await history(ann, ids.chat)).filter((m) => !m.content.startsWith('fence-'));
        assert.deepEqual(now, before.filter((m) => !m.content.startsWith('fence-')));
    });

    test('every good action is taken', async () => {
        for (const type of ['SEND_MSG', 'EDIT_MSG', 'REPLY', 'TYPING', 'REACT', 'READ_MSG']) {
            await bobs.send(good[type]());
        }
        await anns.send(good.DELETE_REACT());
        await bobs.send(good.DELETE_MSG());
    });

    test('a member who was removed may do nothing any more', async () => {
        const { chatId } = await createChat(ann, bob, eve);
        const { messageId } = await eves.post(chatId);
        await eves.send({ type: 'REACT', chatId, messageId, reaction: '!' });
        const reactionId = (await eves.next('REACT')).messageId;
        expectStatus(await api(ann, 'POST', '/api/chat/removeUser', { chatId, removeUser: eve.id }), 200);
        const actions = [
            { type: 'SEND_MSG', chatId, message: 'x' },
            { type: 'EDIT_MSG', chatId, messageId, message: 'x' },
            { type: 'DELETE_MSG', chatId, messageId },
            { type: 'REPLY', chatId, messageId, message: 'x' },
            { type: 'TYPING', chatId },
            { type: 'REACT', chatId, messageId, reaction: 'x' },
            { type: 'DELETE_REACT', reactionId },
            { type: 'READ_MSG', chatId, messageId },
        ];
        for (const action of actions) {
            await eves.refused(action, 'NOT_A_MEMBER');
        }
    });

    test('without a subscription the ERROR is dropped, and nothing is closed', async () => {
        const quiet = await connect(server, bob, { subscribe: false });
        quiet.send({ type: 'SEND_MSG', chatId: UNKNOWN_ID, message: 'x' }, { receipt: false });
        await quiet.send({ type: 'TYPING', chatId: ids.chat });
        await quiet.subscribe();
        await quiet.none('ERROR', { chat: ids.chat });
        await quiet.close();
    });
});

// ---------------------------------------------------------------- what is stored

describe('texts', () => {
    const texts = [
        'x', ' ', '\n', ' outer white space ', 'tab\tnewline\ncarriage\r\n', '"quoted\\"', '</script>',
        '\u0001\u001f\u007f', '\u2028\u2029', 'e\u0301 stays as typed', '👩‍👩‍👧‍👦', 'مرحبا', 'a:b\\c',
        'x'.repeat(10_000), '😀'.repeat(10_000),
    ];
    for (const text of texts) {
        test(`unchanged: ${JSON.stringify(text).slice(0, 30)}`, async () => {
            await bobs.send({ type: 'SEND_MSG', chatId: ids.chat, message: text });
            const event = await anns.next('SEND_MSG');
            assert.equal(event.message, text);
            assert.match(event.messageId, UUID7);
            const [newest] = await history(ann, ids.chat, 1);
            assert.equal(newest.content, text);
            assert.equal(newest.messageId, event.messageId);
        });
    }
});

describe('no-ops get a RECEIPT and no event', () => {
    test('a message deleted again', async () => {
        const { messageId } = await bobs.post(ids.chat);
        await bobs.send({ type: 'DELETE_MSG', chatId: ids.chat, messageId });
        await anns.next('DELETE_MSG');
        await bobs.send({ type: 'DELETE_MSG', chatId: ids.chat, messageId });
        await anns.none('DELETE_MSG', { chat: ids.chat, by: bobs });
    });

    test('the same reaction again is not a second one; another one is', async () => {
        const { messageId } = await bobs.post(ids.chat);
        const react = (session, reaction) => {
            return session.send({ type: 'REACT', chatId: ids.chat, messageId, reaction });
        };
        await Promise.all([react(anns, '👍'), react(anns, '👍')]);
        await react(anns, '👍');
        await anns.next('REACT');
        await anns.none('REACT', { chat: ids.chat });
        await react(bobs, '👍');
        await react(anns, '👎');
        const [newest] = (await history(ann, ids.chat)).filter((m) => m.messageId === messageId);
        assert.deepEqual(newest.reactions.map((r) => `${r.senderId === ann.id ? 'ann' : 'bob'} ${r.reaction}`)
            .sort(), ['ann 👍', 'ann 👎', 'bob 👍']);
    });

    test('a reaction taken back again, and given anew it has a new id', async () => {
        const { messageId } = await bobs.post(ids.chat);
        const react = { type: 'REACT', chatId: ids.chat, messageId, reaction: '👍' };
        await anns.send(react);
        const reactionId = (await bobs.next('REACT')).messageId;
        await anns.send({ type: 'DELETE_REACT', reactionId });
        await bobs.next('DELETE_REACT');
        await anns.send({ type: 'DELETE_REACT', reactionId });
        await bobs.none('DELETE_REACT', { chat: ids.chat, by: anns });
        await anns.send(react);
        assert.notEqual((await bobs.next('REACT')).messageId, reactionId);
    });
});

describe('READ_MSG', () => {
    let chatId, posts;
    before(async () => {
        ({ chatId } = await createChat(ann, bob));
        posts = [];
        for (let i = 0; i < 5; i++) {
            posts.push((await anns.post(chatId)).messageId);
        }
    });

    const read = (i) => bobs.send({ type: 'READ_MSG', chatId, messageId: posts[i] });
    const mark = async () => {
        const res = await api(ann, 'GET', `/api/chat/getUsers/${chatId}`);
        return expectStatus(res, 200).body.users.find((user) => user.userId === bob.id).lastSeenMessage;
    };

    test('the mark only moves forward', async () => {
        await read(2);
        assert.equal(await mark(), posts[2]);
        await anns.next({ type: 'READ_MSG', messageId: posts[2] });
        await read(0);
        await read(2);
        assert.equal(await mark(), posts[2]);
        await read(3);
        assert.equal(await mark(), posts[3]);
        await anns.next({ type: 'READ_MSG', messageId: posts[3] });
        const marks = anns.events.filter((e) => e.type === 'READ_MSG' && e.chatId === chatId);
        assert.deepEqual(marks.map((e) => e.messageId), [posts[2], posts[3]]);
    });

    test('a burst is coalesced, and the last mark arrives', async () => {
        const { chatId: busy } = await createChat(ann, bob);
        const burst = [];
        for (let i = 0; i < 30; i++) {
            burst.push((await anns.post(busy)).messageId);
        }
        const from = Date.now();
        await Promise.all(burst.map((messageId) => bobs.send({ type: 'READ_MSG', chatId: busy, messageId })));
        await anns.next({ type: 'READ_MSG', chatId: busy, messageId: burst.at(-1) });
        const seconds = Math.ceil((Date.now() - from) / 1000);
        const seen = anns.events.filter((e) => e.type === 'READ_MSG' && e.chatId === busy).length;
        assert.ok(seen <= seconds + 1, `${seen} READ_MSG in ${seconds} s`);
    });

    test('sending moves no mark', async () => {
        const before = await mark();
        await bobs.post(chatId);
        assert.equal(await mark(), before);
    });
});

// ---------------------------------------------------------------- retries

describe('clientMessageId', () => {
    const build = (type, message, clientMessageId, extra = {}) => {
        const reply = type === 'REPLY' ? { messageId: ids.anns } : {};
        return { type, chatId: ids.chat, message, clientMessageId, ...reply, ...extra };
    };

    for (const type of ['SEND_MSG', 'REPLY']) {
        test(`${type} again is the first one again, to the acting session only`, async () => {
            const action = build(type, 'once', unique('retry'));
            await bobs.send(action);
            const first = await everyone([anns, bobs], type);
            const other = await connect(server, bob);
            await other.send(action);
            assert.deepEqual(await other.next(type), { ...first, recipientId: bob.id });
            await bobs.none(type, { chat: ids.chat });
            await anns.none(type, { chat: ids.chat, by: bobs });
            await other.close();
            const found = (await history(ann, ids.chat)).filter((m) => m.messageId === first.messageId);
            assert.equal(found.length, 1);
        });

        test(`${type} with another text is refused`, async () => {
            const action = build(type, 'this', unique('retry'));
            await bobs.send(action);
            const event = await bobs.refused({ ...action, message: 'that' }, 'CLIENT_MESSAGE_MISMATCH');
            assert.equal(event.clientMessageId, action.clientMessageId);
        });
    }

    test('what was first sent counts, also after the message was edited or deleted', async () => {
        const action = build('SEND_MSG', 'as it was sent', unique('retry'));
        await bobs.send(action);
        const { messageId } = await bobs.next({ type: 'SEND_MSG', message: action.message });
        const about = { chatId: ids.chat, messageId };
        for (const change of [{ type: 'EDIT_MSG', message: 'as edited' }, { type: 'DELETE_MSG' }]) {
            await bobs.send({ ...about, ...change });
            for (const message of ['as edited', 'another text']) {
                await bobs.refused({ ...action, message }, 'CLIENT_MESSAGE_MISMATCH');
            }
            await bobs.send(action);
            assert.equal((await bobs.next('SEND_MSG')).messageId, messageId);
        }
    });

    test('many at once are one message, with as many receipts', async () => {
        const action = build('SEND_MSG', unique('at once'), unique('retry'));
        const again = await connect(server, bob);
        await Promise.all([bobs, again, bobs, again, bobs, again].map((session) => session.send(action)));
        await anns.next({ message: action.message });
        await anns.none({ message: action.message }, { chat: ids.chat, by: bobs });
        const found = (await history(ann, ids.chat)).filter((m) => m.content === action.message);
        assert.equal(found.length, 1);
        await again.close();
    });

    test('64 characters of any kind; the same of another user or in another chat is another message',
         async () => {
        const clientMessageId = '😀'.repeat(32) + 'ö'.repeat(32);
        const { chatId } = await createChat(bob, ann);
        await bobs.send(build('SEND_MSG', 'mine', clientMessageId));
        await anns.send(build('SEND_MSG', 'ours', clientMessageId));
        await bobs.send(build('SEND_MSG', 'there', clientMessageId, { chatId }));
        for (const message of ['mine', 'ours', 'there']) {
            await anns.next({ type: 'SEND_MSG', message, clientMessageId });
        }
    });

    test('a refused send does not use it up', async () => {
        const action = build('SEND_MSG', '', unique('retry'));
        await bobs.refused(action);
        await bobs.send({ ...action, message: 'now with a text' });
        await anns.next({ message: 'now with a text', clientMessageId: action.clientMessageId });
    });
});

// ---------------------------------------------------------------- rates

describe('rates', () => {
    test('TYPING: one per chat per 3 s passes, the rest is dropped silently', async () => {
        const [one, two] = [(await createChat(ann, bob)).chatId, (await createChat(ann, bob)).chatId];
        const typing = (chatId) => bobs.send({ type: 'TYPING', chatId });
        await typing(one);
        await anns.next({ type: 'TYPING', chatId: one });
        const from = Date.now();
        await Promise.all([typing(one), typing(one), typing(one)]);
        await anns.none({ type: 'TYPING', chatId: one }, { chat: one, by: bobs });
        await typing(two);
        await anns.next({ type: 'TYPING', chatId: two });

        const again = anns.next({ type: 'TYPING', chatId: one });
        const knocking = setInterval(() => typing(one), 100);
        await again.finally(() => clearInterval(knocking));
        const took = Date.now() - from;
        assert.ok(took > 2500 && took < 4500, `the next one passed after ${took} ms`);
    });

    test('TYPING of one who may not is refused within the interval of another, too', async () => {
        const { chatId } = await createChat(ann, bob);
        const typing = () => bobs.send({ type: 'TYPING', chatId });
        await typing();
        expectStatus(await api(ann, 'POST', '/api/chat/removeUser',
                               { chatId, removeUser: bob.id }), 200);
        for (let i = 0; i < 3; i++) {
            const refusal = await bobs.refused({ type: 'TYPING', chatId });
            assert.equal(refusal.code, 'NOT_A_MEMBER');
        }
    });

    test('TYPING that is refused uses up no interval', async () => {
        const { chatId } = await createChat(ann, eve);
        await bobs.refused({ type: 'TYPING', chatId });
        expectStatus(await api(ann, 'POST', '/api/chat/addUser',
                               { chatId, newUsername: bob.username }), 200);
        await bobs.send({ type: 'TYPING', chatId });
        await anns.next({ type: 'TYPING', chatId });
    });

    test('messages above the rate are delayed, none is refused or lost, and others are not slowed', async () => {
        const limited = await startServer({ args: ['--message-rate', '10/5'] });
        try {
            const { users: [max, moe] } = await createTenant(limited, 'max', 'moe');
            const { chatId } = await createChat(max, moe);
            const [maxs, moes] = await Promise.all([connect(limited, max), connect(limited, moe)]);
            const from = Date.now();
            const texts = Array.from({ length: 25 }, (_, i) => `number ${i}`);
            const sends = texts.map((message) => maxs.send({ type: 'SEND_MSG', chatId, message }));
            await Promise.all(sends.slice(0, 5)); // the burst
            await moes.post(chatId, 'the others are not slowed');
            assert.ok(Date.now() - from < 1000, 'the burst and the others pass at once');
            await Promise.all(sends);
            const took = Date.now() - from;
            assert.ok(took >= 1_800 && took < 6_000, `25 messages at 10/s with a burst of 5 took ${took} ms`);
            await moes.next({ message: texts.at(-1) });
            const got = moes.events.map(({ message }) => message).filter((text) => /^number/.test(text));
            assert.deepEqual(got, texts);
            assert.ok(!maxs.events.some(({ type }) => type === 'ERROR'));
        } finally {
            await limited.stop();
        }
    });

    test('a session that stays over the rate is closed with 1008, one that was over it twice is not', async () => {
        const limited = await startServer({ args: ['--message-rate', '10/5', '--message-patience', '3s'] });
        try {
            const { users: [max, moe] } = await createTenant(limited, 'max', 'moe');
            const { chatId } = await createChat(max, moe);
            const [maxs, moes] = await Promise.all([connect(limited, max), connect(limited, moe)]);
            const from = Date.now();
            const flood = setInterval(() => {
                for (let i = 0; i < 50; i++) {
                    maxs.send({ type: 'SEND_MSG', chatId, message: 'x' }, { receipt: false });
                }
            }, 20);
            const closed = maxs.whenClosed(3 * WAIT).finally(() => clearInterval(flood));
            const burst = (n) => Promise.all(Array.from({ length: n }, () => moes.send({ type: 'SEND_MSG', chatId, message: 'y' })));
            await burst(10);
            const { code } = await closed;
            const took = Date.now() - from;
            assert.equal(code, 1008);
            assert.ok(took >= 2_900, `closed after ${took} ms`);
            await burst(20);
            await moes.post(chatId, 'still here');
        } finally {
            await limited.stop();
        }
    });

    test('TYPING above the rate is dropped and delays nothing', async () => {
        const limited = await startServer({ args: ['--message-rate', '1/5'] });
        try {
            const { users: [max, moe] } = await createTenant(limited, 'max', 'moe');
            const { chatId } = await createChat(max, moe);
            const [maxs, moes] = await Promise.all([connect(limited, max), connect(limited, moe)]);
            const from = Date.now();
            for (let i = 0; i < 200; i++) {
                maxs.send({ type: 'TYPING', chatId }, { receipt: false });
            }
            await Promise.all(['a', 'b', 'c'].map((message) => maxs.send({ type: 'SEND_MSG', chatId, message })));
            const took = Date.now() - from;
            assert.ok(took < 2_000, `three messages behind 200 TYPING took ${took} ms`);
            await moes.next({ message: 'c' });
            assert.equal(moes.events.filter(({ type }) => type === 'TYPING').length, 1);
            for (const [type, text] of [['TYPING'], ['SEND_MSG', 'd']]) { // over the rate with a receipt: later
                await maxs.send({ type, chatId, message: text });
            }
        } finally {
            await limited.stop();
        }
    });
});
