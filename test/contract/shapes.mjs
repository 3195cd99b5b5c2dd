// The realtime events as the documents print them: field by field, with nothing missing, nothing
// of another type, and nothing in addition but what the contract allows.

import assert from 'node:assert/strict';
import { TIME, UUID } from './harness.mjs';

const uuid = (value) => UUID.test(value);
const time = (value) => TIME.test(value) && Math.abs(Date.parse(value) - Date.now()) < 120_000;
const text = (value) => typeof value === 'string' && value.length > 0;

function original(value) {
    assert.deepEqual(Object.keys(value).sort(), ['chatId', 'content', 'edited', 'editedAt',
        'messageId', 'senderId', 'timeStamp'], 'the fields of replyTo');
    return uuid(value.chatId) && time(value.timeStamp) && uuid(value.messageId) &&
        uuid(value.senderId) && text(value.content) && typeof value.edited === 'boolean' &&
        (value.edited ? time(value.editedAt) : value.editedAt === null);
}

const everyEvent = { chatId: uuid, recipientId: uuid, senderId: uuid };

/** type -> field -> check. All but TYPING and READ_MSG are stored: they have `eventId` and `seq`. */
export const SHAPES = {
    SEND_MSG: { timeStamp: time, message: text, messageId: uuid },
    EDIT_MSG: { message: text, messageId: uuid, editedAt: time },
    DELETE_MSG: { messageId: uuid, timeStamp: time },
    REPLY: { messageId: uuid, message: text, replyTo: original, timeStamp: time },
    TYPING: {},
    REACT: { messageId: uuid, message: text, parentMessageId: uuid, timeStamp: time },
    DELETE_REACT: { messageId: uuid },
    READ_MSG: { messageId: uuid },
    USER_JOIN: { message: uuid, username: text },
    USER_LEAVE: { message: text, timeStamp: time },
    NEW_CHAT: { timeStamp: time, message: text },
    DELETE_CHAT: {},
    CHAT_RENAMED: { message: text, timeStamp: time },
};

export const STORED = new Set(Object.keys(SHAPES).filter((type) => !['TYPING', 'READ_MSG'].includes(type)));

/** Checks an event in full: its fields, their types, and the values that the test knows. */
export function expectShape(event, values) {
    const shown = JSON.stringify(event);
    const { type } = event;
    assert.ok(type in SHAPES, `unknown event: ${shown}`);
    const fields = { ...everyEvent, ...SHAPES[type] };
    for (const [name, check] of Object.entries(fields)) {
        assert.ok(name in event, `${type} without ${name}: ${shown}`);
        assert.ok(check(event[name]), `${type}.${name} is wrong: ${shown}`);
    }
    const allowed = new Set(['type', 'eventId', ...Object.keys(fields)]);
    if (STORED.has(type)) {
        allowed.add('seq');
        assert.match(event.eventId, /^[\w-]{1,40}$/, `${type}.eventId: ${shown}`);
        assert.ok(Number.isSafeInteger(event.seq) && event.seq > 0, `${type}.seq: ${shown}`);
    }
    if (type === 'SEND_MSG' || type === 'REPLY') {
        allowed.add('clientMessageId');
    }
    const surplus = Object.keys(event).filter((name) => !allowed.has(name));
    assert.deepEqual(surplus, [], `${type} has fields of no document: ${shown}`);
    for (const [name, value] of Object.entries(values)) {
        assert.deepEqual(event[name], value, `${type}.${name}: ${shown}`);
    }
}

/**
 * Every one of the sessions gets the event, each addressed to its own user, a stored one under
 * one message-id; its frame is as STOMP and the contract say. Resolves with the first session's event.
 */
export async function everyone(sessions, match, values = {}) {
    const events = await Promise.all(sessions.map((session) => session.next(match)));
    const ids = new Set();
    sessions.forEach((session, i) => {
        const event = events[i];
        expectShape(event, { ...values, recipientId: session.user.id });
        const { headers } = session.frames.find((frame) => frame.event === event);
        assert.equal(headers.destination, `/user/${session.user.id}/queue/messages`);
        assert.equal(headers['content-type'], 'application/json');
        assert.match(headers['content-length'], /^\d+$/);
        assert.ok(headers.subscription, 'no subscription header');
        assert.match(headers['message-id'], /^[\w-]{1,40}$/);
        if (STORED.has(event.type)) {
            assert.equal(headers['message-id'], event.eventId, 'message-id is the eventId');
        }
        ids.add(headers['message-id']);
        assert.deepEqual({ ...event, recipientId: 0 }, { ...events[0], recipientId: 0 },
                         'all recipients see the same event');
    });
    assert.ok(ids.size === 1 || !STORED.has(events[0].type), `message-id differs between recipients: ${[...ids]}`);
    return events[0];
}
