// Every event, field by field, for the one who caused it and for everyone who must see it.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { api, createChat, createTenant, createUser, expectStatus, signIn, startServer, unique,
         UNKNOWN_ID } from './harness.mjs';
import { connect } from './realtime.mjs';
import { everyone, STORED } from './shapes.mjs';

let server, app, ann, bob, cat;
let annPhone, annDesk, bobs, cats, all;
let chat;

/** A request that must do well. */
async function call(user, method, path, body) {
    return expectStatus(await api(user, method, path, body), 200).body;
}

before(async () => {
    server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off'] });
    ({ app, users: [ann, bob, cat] } = await createTenant(server, 'ann', 'bob', 'cat'));
    // The phone has a sign-in of its own, the desk shares the first one.
    const annAgain = await signIn(app, 'ann');
    [annPhone, annDesk, bobs, cats] = await Promise.all(
        [annAgain, ann, bob, cat].map((user) => connect(server, user)));
    all = [annPhone, annDesk, bobs, cats];
    chat = await createChat(ann, bob, cat);
    await everyone(all, 'NEW_CHAT', { chatId: chat.chatId });
});

beforeEach(() => all.forEach((session) => session.forget()));

after(async () => {
    await Promise.all((all ?? []).map((session) => session.drop()));
    await server?.stop();
});

describe('what is sent over the socket', () => {
    test('SEND_MSG', async () => {
        await annDesk.send({ type: 'SEND_MSG', chatId: chat.chatId, message: 'hello, all' });
        const event = await everyone(all, 'SEND_MSG', {
            chatId: chat.chatId, message: 'hello, all', senderId: ann.id,
        });
        assert.ok(!('clientMessageId' in event), 'clientMessageId only where one was given');
        const { messages } = await call(bob, 'GET', `/api/messages/getMessages/${chat.chatId}?size=1`);
        assert.equal(messages[0].messageId, event.messageId);
        assert.equal(messages[0].timeStamp, event.timeStamp);
        await everyone(all, 'READ_MSG', { senderId: bob.id });
    });

    test('SEND_MSG with a clientMessageId carries it', async () => {
        const clientMessageId = unique('mine');
        await bobs.send({ type: 'SEND_MSG', chatId: chat.chatId, message: 'mine', clientMessageId });
        await everyone(all, 'SEND_MSG', { message: 'mine', clientMessageId, senderId: bob.id });
    });

    test('senderId and timeStamp of the client are not trusted', async () => {
        await bobs.send({
            type: 'SEND_MSG', chatId: chat.chatId, message: 'as ann', senderId: ann.id,
            timeStamp: '2001-01-01T00:00:00Z', recipientId: bob.id, messageId: UNKNOWN_ID,
        });
        const event = await everyone(all, 'SEND_MSG', { message: 'as ann', senderId: bob.id });
        assert.notEqual(event.messageId, UNKNOWN_ID);
    });

    test('EDIT_MSG', async () => {
        const { messageId } = await bobs.post(chat.chatId, 'teh');
        await bobs.send({ type: 'EDIT_MSG', chatId: chat.chatId, messageId, message: 'the' });
        await everyone(all, 'EDIT_MSG', {
            chatId: chat.chatId, messageId, message: 'the', senderId: bob.id,
        });
    });

    test('DELETE_MSG', async () => {
        const { messageId } = await bobs.post(chat.chatId);
        await bobs.send({ type: 'DELETE_MSG', chatId: chat.chatId, messageId });
        await everyone(all, 'DELETE_MSG', { chatId: chat.chatId, messageId, senderId: bob.id });
    });

    test('DELETE_MSG of another one, by the creator of the chat', async () => {
        const { messageId } = await bobs.post(chat.chatId);
        await annPhone.send({ type: 'DELETE_MSG', chatId: chat.chatId, messageId });
        await everyone(all, 'DELETE_MSG', { chatId: chat.chatId, messageId, senderId: ann.id });
    });

    test('REPLY', async () => {
        const question = await annDesk.post(chat.chatId, 'agreed?');
        await bobs.send({
            type: 'REPLY', chatId: chat.chatId, messageId: question.messageId, message: 'I agree!',
        });
        const event = await everyone(all, 'REPLY', {
            chatId: chat.chatId, message: 'I agree!', senderId: bob.id,
            replyTo: {
                chatId: chat.chatId,
                timeStamp: question.timeStamp,
                messageId: question.messageId,
                senderId: ann.id,
                content: 'agreed?',
                edited: false,
                editedAt: null,
            },
        });
        assert.notEqual(event.messageId, question.messageId, 'the reply has an id of its own');
    });

    test('REPLY to an edited message shows it as it is now', async () => {
        const { messageId } = await annDesk.post(chat.chatId, 'before');
        await annDesk.send({ type: 'EDIT_MSG', chatId: chat.chatId, messageId, message: 'after' });
        const { editedAt } = await bobs.next({ type: 'EDIT_MSG', messageId });
        await bobs.send({ type: 'REPLY', chatId: chat.chatId, messageId, message: 'seen' });
        const { replyTo } = await everyone(all, { type: 'REPLY', message: 'seen' });
        assert.equal(replyTo.content, 'after');
        assert.equal(replyTo.edited, true);
        assert.equal(replyTo.editedAt, editedAt);
    });

    test('TYPING', async () => {
        await cats.send({ type: 'TYPING', chatId: chat.chatId });
        const event = await everyone(all, 'TYPING', { chatId: chat.chatId, senderId: cat.id });
        assert.ok(!('seq' in event), 'TYPING is not stored');
    });

    test('REACT and DELETE_REACT', async () => {
        const { messageId } = await annDesk.post(chat.chatId);
        await cats.send({ type: 'REACT', chatId: chat.chatId, messageId, reaction: '👍🏽' });
        const reaction = await everyone(all, 'REACT', {
            chatId: chat.chatId, message: '👍🏽', parentMessageId: messageId, senderId: cat.id,
        });
        const { messages } = await call(cat, 'GET', `/api/messages/getMessages/${chat.chatId}?size=1`);
        assert.deepEqual(messages[0].reactions, [{
            reactionId: reaction.messageId, chatId: chat.chatId, messageId, senderId: cat.id,
            reaction: '👍🏽', createdAt: reaction.timeStamp,
        }]);
        await cats.send({ type: 'DELETE_REACT', reactionId: reaction.messageId });
        await everyone(all, 'DELETE_REACT', {
            chatId: chat.chatId, messageId: reaction.messageId, senderId: cat.id,
        });
    });

    test('READ_MSG', async () => {
        const { messageId } = await annDesk.post(chat.chatId);
        await bobs.send({ type: 'READ_MSG', chatId: chat.chatId, messageId });
        const event = await everyone(all, { type: 'READ_MSG', messageId },
                                     { chatId: chat.chatId, senderId: bob.id });
        assert.ok(!('seq' in event), 'READ_MSG is not stored');
        const { users } = await call(ann, 'GET', `/api/chat/getUsers/${chat.chatId}`);
        assert.equal(users.find((user) => user.userId === bob.id).lastSeenMessage, messageId);
    });
});

describe('what REST calls cause', () => {
    test('NEW_CHAT to every member, with seq 1', async () => {
        const made = await createChat(bob, ann, cat);
        await everyone(all, { type: 'NEW_CHAT', chatId: made.chatId },
                       { message: made.chatName, senderId: bob.id, seq: 1 });
    });

    test('READ_MSG when a page of history moves the mark', async () => {
        const { messageId } = await annDesk.post(chat.chatId);
        await call(cat, 'GET', `/api/messages/getMessages/${chat.chatId}`);
        await everyone(all, { type: 'READ_MSG', messageId }, { chatId: chat.chatId, senderId: cat.id });
    });

    test('CHAT_RENAMED', async () => {
        const newChatName = unique('renamed');
        await call(cat, 'POST', '/api/chat/changeName', { chatId: chat.chatId, newChatName });
        await everyone(all, 'CHAT_RENAMED',
                       { chatId: chat.chatId, message: newChatName, senderId: cat.id });
    });

    test('USER_JOIN to all, the new one included', async () => {
        const made = await createChat(ann, bob);
        await call(bob, 'POST', '/api/chat/addUser', { chatId: made.chatId, newUsername: 'cat' });
        await everyone(all, { type: 'USER_JOIN', chatId: made.chatId },
                       { message: cat.id, username: 'cat', senderId: bob.id });
        const { type } = cats.events.find((event) => event.chatId === made.chatId);
        assert.equal(type, 'USER_JOIN', 'the first that the new one hears of the chat');
    });

    test('USER_LEAVE when one leaves', async () => {
        const made = await createChat(ann, bob, cat);
        await call(cat, 'POST', '/api/chat/removeUser', { chatId: made.chatId, removeUser: cat.id });
        await everyone(all, { type: 'USER_LEAVE', chatId: made.chatId },
                       { message: 'cat left the Chat', senderId: cat.id });
    });

    test('USER_LEAVE when the creator removes one', async () => {
        const made = await createChat(ann, bob, cat);
        await call(ann, 'POST', '/api/chat/removeUser', { chatId: made.chatId, removeUser: cat.id });
        const event = await everyone(all, { type: 'USER_LEAVE', chatId: made.chatId },
                                     { senderId: cat.id });
        assert.match(event.message, /\bcat\b/);
    });

    test('DELETE_CHAT', async () => {
        const made = await createChat(bob, ann, cat);
        await call(bob, 'DELETE', `/api/chat/deleteChat?chatId=${made.chatId}`);
        await everyone(all, 'DELETE_CHAT', { chatId: made.chatId, senderId: bob.id });
        await annDesk.refused({ type: 'SEND_MSG', chatId: made.chatId, message: 'late' },
                              'CHAT_NOT_FOUND');
    });

    test('USER_LEAVE, and no DELETE_MSG, when a user is deleted', async () => {
        const dan = await createUser(app);
        const dans = await connect(server, dan);
        const made = await createChat(dan, ann, bob);
        await dans.next({ type: 'NEW_CHAT', chatId: made.chatId });
        await dans.post(made.chatId);
        await dans.post(made.chatId);
        await call(dan, 'DELETE', '/api/user/deleteUser');
        const others = [annPhone, annDesk, bobs];
        await everyone(others, { type: 'USER_LEAVE', chatId: made.chatId },
                       { message: `${dan.username} left the Chat`, senderId: dan.id });
        await bobs.none('DELETE_MSG', { chat: made.chatId });
        assert.equal((await dans.whenClosed()).code, 1008);
    });
});

describe('membership under way', () => {
    /** Sends as fast as receipts come, until told to stop; resolves with how many. */
    function flood(session, chatId) {
        let on = true;
        const done = (async () => {
            let count = 0;
            while (on) {
                const sends = Array.from({ length: 8 }, () => {
                    return session.send({ type: 'SEND_MSG', chatId, message: `flood ${count++}` });
                });
                await Promise.all(sends);
            }
            return count;
        })();
        return () => {
            on = false;
            return done;
        };
    }

    test('a new member sees USER_JOIN first, a removed one USER_LEAVE last, nothing outside', async () => {
        const made = await createChat(ann, bob);
        const stop = flood(bobs, made.chatId);
        const ofChat = (event) => event.chatId === made.chatId;
        for (let round = 0; round < 5; round++) {
            const from = cats.events.length;
            await call(ann, 'POST', '/api/chat/addUser', { chatId: made.chatId, newUsername: 'cat' });
            await cats.next({ type: 'USER_JOIN', chatId: made.chatId });
            await cats.next({ type: 'SEND_MSG', chatId: made.chatId });
            await call(ann, 'POST', '/api/chat/removeUser', { chatId: made.chatId, removeUser: cat.id });
            await cats.next({ type: 'USER_LEAVE', chatId: made.chatId });
            await annDesk.post(chat.chatId, `fence-round-${round}`);
            await cats.next({ message: `fence-round-${round}` });
            const seen = cats.events.slice(from).filter(ofChat);
            assert.equal(seen[0].type, 'USER_JOIN');
            assert.equal(seen.at(-1).type, 'USER_LEAVE', 'the last event of the chat');
            seen.forEach((event, i) => {
                assert.equal(event.seq, seen[0].seq + i, 'seq has no hole within a membership');
            });
        }
        await stop();
        await cats.refused({ type: 'SEND_MSG', chatId: made.chatId, message: 'x' }, 'NOT_A_MEMBER');
    });

    test('one who comes online in the middle sees only what is new', async () => {
        const made = await createChat(ann, bob, cat);
        await bobs.post(made.chatId, 'before');
        const late = await connect(server, cat);
        await bobs.post(made.chatId, 'while');
        const event = await everyone([late], { chatId: made.chatId });
        assert.equal(event.message, 'while');
        await late.close();
    });
});

test('ERROR goes to the acting session alone and says what was asked', async () => {
    const request = { type: 'EDIT_MSG', chatId: chat.chatId, messageId: UNKNOWN_ID, message: 'x' };
    const event = await annDesk.refused(request, 'MESSAGE_NOT_FOUND');
    assert.deepEqual(Object.keys(event).filter((name) => name !== 'recipientId').sort(),
                     ['code', 'message', 'receipt', 'request', 'type']);
    assert.equal(event.type, 'ERROR');
    assert.match(event.message, /^\S.*\S$/);
    assert.deepEqual(event.request,
                     { type: 'EDIT_MSG', chatId: chat.chatId, messageId: UNKNOWN_ID });
    const { headers } = annDesk.frames.find((frame) => frame.event === event);
    assert.equal(headers.destination, `/user/${ann.id}/queue/messages`);
    assert.ok(headers['message-id']);

    await annPhone.none('ERROR', { chat: chat.chatId, by: annDesk });
    await bobs.none('ERROR', { chat: chat.chatId, by: annDesk });
});

test('ERROR carries the clientMessageId', async () => {
    const event = await annDesk.refused(
        { type: 'SEND_MSG', chatId: chat.chatId, message: '', clientMessageId: 'retry-1' });
    assert.equal(event.clientMessageId, 'retry-1');
});

test('everything that each session saw was in seq order, from NEW_CHAT on, without a hole', () => {
    let checked = 0;
    for (const session of all) {
        const last = new Map();
        for (const event of session.events.filter(({ type }) => STORED.has(type))) {
            if (last.has(event.chatId) && event.type !== 'USER_JOIN') {
                assert.equal(event.seq, last.get(event.chatId) + 1, JSON.stringify(event));
                checked++;
            }
            last.set(event.chatId, event.seq);
        }
    }
    assert.ok(checked > 100, `only ${checked} events were checked`);
});
