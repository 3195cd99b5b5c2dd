// The reference model: what the server must hold after each step, in plain lists and maps. It knows
// nothing of sockets. Every stored event is one entry of `log`, with those to whom it is due.

/** As many as getChats counts, by the server's --unread-most. */
const UNREAD_MOST = 100;

export class Model {
    /** Stored events in order: {at, chat, seq, type, to, sender, message, reaction}. */
    log = [];
    /** By id: {id, name, creator, members, messages, events, deleted, manyMade}. */
    chats = new Map();
    /** By id: {id, chat, sender, first, versions, deleted, replyTo, reactions, at}. */
    messages = new Map();
    users = [];

    chatsOf(user) {
        return [...this.chats.values()].filter((chat) => !chat.deleted && chat.members.has(user));
    }

    #event(chat, type, sender, more = {}, to = [...chat.members.keys()]) {
        const event = { at: this.log.length, chat, seq: chat.events.length + 1, type, sender,
                        to: new Set(to), ...more };
        chat.events.push(event);
        this.log.push(event);
        return event;
    }

    #join(chat, user) {
        chat.members.set(user, { mark: chat.messages.findLast((m) => !m.deleted) ?? null,
                                 joined: this.log.length });
    }

    create(id, name, creator, users) {
        const chat = { id, name, creator, members: new Map(), messages: [], events: [] };
        this.chats.set(id, chat);
        users.forEach((user) => this.#join(chat, user));
        this.#event(chat, 'NEW_CHAT', creator);
        return chat;
    }

    send(chat, sender, id, text, { replyTo = null, clientMessageId } = {}) {
        const message = { id, chat, sender, first: text, clientMessageId, replyTo, reactions: new Map(),
                          versions: [{ text, at: this.log.length }], deleted: undefined };
        message.place = chat.messages.push(message) - 1;
        this.messages.set(id, message);
        this.#event(chat, replyTo ? 'REPLY' : 'SEND_MSG', sender, { message });
        return message;
    }

    edit(message, text) {
        message.versions.push({ text, at: this.log.length });
        this.#event(message.chat, 'EDIT_MSG', message.sender, { message });
    }

    #bury(message) {
        message.deleted ??= this.log.length;
    }

    delete(message, by) {
        this.#bury(message);
        this.#event(message.chat, 'DELETE_MSG', by, { message });
    }

    react(message, user, id, reaction) {
        message.reactions.set(id, { user, reaction });
        this.#event(message.chat, 'REACT', user, { message, reaction: id });
    }

    unreact(message, id) {
        const { user } = message.reactions.get(id);
        message.reactions.delete(id);
        this.#event(message.chat, 'DELETE_REACT', user, { message, reaction: id });
    }

    /** Moves the mark forward; true when it moved. */
    mark(message, user) {
        const member = message.chat.members.get(user);
        if (member.mark && member.mark.place >= message.place) {
            return false;
        }
        member.mark = message;
        return true;
    }

    rename(chat, name, by) {
        chat.name = name;
        this.#event(chat, 'CHAT_RENAMED', by);
    }

    add(chat, user, by) {
        this.#join(chat, user);
        this.#event(chat, 'USER_JOIN', by);
    }

    /** The one who leaves still gets the event, unless the account is gone. */
    leave(chat, user, { gone = false } = {}) {
        const to = [...chat.members.keys()].filter((each) => !gone || each !== user);
        chat.members.delete(user);
        this.#event(chat, 'USER_LEAVE', user, {}, to); // the one who left is its sender, whoever did it
        if (!chat.members.size) {
            chat.deleted = true;
        } else if (chat.creator === user) {
            chat.creator = undefined; // whoever of the longest standing; the next read tells
        }
    }

    deleteChat(chat, by) {
        chat.deleted = true;
        chat.messages.forEach((message) => this.#bury(message));
        this.#event(chat, 'DELETE_CHAT', by);
    }

    deleteUser(user) {
        user.deleted = true;
        for (const message of this.messages.values()) {
            if (message.sender === user) {
                this.#bury(message);
            }
            for (const [id, { user: by }] of message.reactions) {
                if (by === user) {
                    message.reactions.delete(id);
                }
            }
        }
        this.chatsOf(user).forEach((chat) => this.leave(chat, user, { gone: true }));
    }

    unread(chat, user) {
        const mark = chat.members.get(user).mark?.place ?? -1;
        return Math.min(UNREAD_MOST, chat.messages.filter((m) =>
            m.place > mark && !m.deleted && m.sender !== user).length);
    }

    /** The texts with which an event of the message may come over a connection opened at `since`. */
    textsSince(message, since) {
        const known = message.versions.findLastIndex(({ at }) => at < since);
        return message.versions.slice(Math.max(0, known)).map(({ text }) => text);
    }
}
