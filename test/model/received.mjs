// What one who listens has received, held against the model: every stored event that is due to the user, in
// the order of its chat, each at its id; of the read marks the last one.

import { differ, same } from './difference.mjs';

export class Received {
    /** From this place of the log on events are due. */
    #from;
    #has = new Set();
    /** By chat and reader: the message that the mark must reach, and the one that came. */
    #due = new Map();
    #marks = new Map();

    /** ids: event -> its id, the same for all who receive it. */
    constructor(name, user, model, ids) {
        Object.assign(this, { name, user, model, ids });
        this.#from = model.log.length;
    }

    #wanted(until = Infinity) {
        return this.model.log.slice(this.#from, until).filter((event) => event.to.has(this.user) && !this.#has.has(event));
    }

    /** The mark must come, as the last one of this reader in the chat. */
    due(message, reader) {
        if (message.chat.members.has(this.user)) {
            this.#due.set(`${message.chat.id} ${reader.id}`, message);
        }
    }

    /** What of the chat's marks need not come any more since this member came or went. */
    undue(chat, member) {
        for (const key of this.#due.keys()) {
            if (key.startsWith(chat.id) && (this.user === member || key.endsWith(member.id))) {
                this.#due.delete(key);
            }
        }
    }

    /** connection.since: the model's log length when it was opened. */
    judge(event, id, connection) {
        const at = `${this.name} got ${JSON.stringify(event).slice(0, 400)}`;
        if (event.recipientId && event.recipientId !== this.user.id) {
            differ(`${at}, which is another's`);
        }
        if (event.type === 'RESYNC') {
            this.#resync(event.chats, connection);
        } else if (event.type === 'RESUMED') {
            this.resumed(event.complete, connection);
        } else if (event.type === 'READ_MSG') {
            this.#read(at, event);
        } else if (event.seq !== undefined) {
            this.#stored(at, event, id, connection);
        } else if (event.chatId && !this.model.chats.has(event.chatId)) {
            differ(`${at}, of a chat that is not its own`);
        }
    }

    /** What it lacks of these chats it fetches anew. */
    #resync(chats, { since }) {
        this.#wanted(since).filter(({ chat }) => chats.includes(chat.id)).forEach((missed) => this.#has.add(missed));
        for (const key of [...this.#due.keys()].filter((key) => chats.includes(key.split(' ')[0]))) {
            this.#due.delete(key);
        }
    }

    /** It was told that it has everything up to the connection, or that it has not. */
    resumed(complete, { since }) {
        const [missing] = this.#wanted(since);
        if (complete && missing) {
            differ(`${this.name} was told complete:true without ${missing.type} ${missing.seq} of chat ${missing.chat.id}`);
        }
        this.#wanted(since).forEach((each) => this.#has.add(each));
    }

    #read(at, event) {
        const message = this.model.messages.get(event.messageId);
        const key = `${event.chatId} ${event.senderId}`;
        if (message?.chat.id !== event.chatId) {
            differ(`${at}: no such message`);
        }
        if (!(this.#marks.get(key)?.place > message.place)) {
            this.#marks.set(key, message);
        }
    }

    #stored(at, event, id, { since }) {
        const known = this.model.chats.get(event.chatId)?.events[event.seq - 1];
        if (!known?.to.has(this.user)) {
            differ(`${at}, which is not its own or not there`);
        }
        if (this.ids.get(known) !== undefined) {
            same(`${at}; its id`, id, this.ids.get(known));
        }
        this.ids.set(known, id);
        same(at, [event.type, event.senderId, event.eventId], [known.type, known.sender.id, id]);
        if (known.message) {
            this.#about(at, event, known, since);
        }
        const [before] = this.#has.has(known) ? [] : this.#wanted(known.at).filter((each) => each.chat === known.chat);
        if (before) {
            differ(`${at} before ${before.type} ${before.seq}`);
        }
        this.#has.add(known);
    }

    /** The message that the event is about, or the reaction, and its text. */
    #about(at, event, { type, message, reaction }, since) {
        if (type === 'REACT' || type === 'DELETE_REACT') {
            same(`${at}: the reaction`, event.messageId, reaction);
        }
        if (type !== 'DELETE_REACT') { // which does not name it
            same(`${at}: the message`, type === 'REACT' ? event.parentMessageId : event.messageId, message.id);
        }
        if (message.deleted < since && (event.message || !event.deleted) && !type.startsWith('DELETE_')) {
            differ(`${at}, which was deleted before this connection`);
        }
        const texts = this.model.textsSince(message, since);
        if (['SEND_MSG', 'REPLY', 'EDIT_MSG'].includes(type) && !event.deleted && !texts.includes(event.message)) {
            differ(`${at}, the model has ${JSON.stringify(texts)}`);
        }
    }

    /** The stored event that is due next, in words. */
    lacksEvent() {
        const [event] = this.#wanted();
        return event && `${event.type} ${event.seq} of chat ${event.chat.id}`;
    }

    /** What is due and has not come, in words: an event or a mark. */
    lacks() {
        const event = this.lacksEvent();
        if (event) {
            return event;
        }
        for (const [key, message] of this.#due) {
            if (!(this.#marks.get(key)?.place >= message.place)) {
                return `the read mark ${key} at ${message.id} (number ${message.place})`;
            }
        }
        return undefined;
    }
}
