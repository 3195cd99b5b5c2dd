// What is read over REST, held against the model.

import { api, expectStatus } from '../contract/harness.mjs';
import { differ, same } from './difference.mjs';

const PAGE = 100;

export class Reads {
    /** Set once a user was deleted: the place of chats whose newest message was theirs is documented as later. */
    userWasDeleted = false;

    constructor(model) {
        this.model = model;
    }

    async get(user, path) {
        return expectStatus(await api(user, 'GET', path), 200).body;
    }

    /** All of the chat's messages, newest first; the reader's mark stays. */
    async history(user, chat) {
        const all = [];
        for (let more = true, last = ''; more; last = `&lastMessage=${all.at(-1)?.messageId}`) {
            const { messages } = await this.get(user, `/api/messages/getMessages/${chat.id}?size=${PAGE}&mark=false${last}`);
            all.push(...messages);
            more = messages.length === PAGE;
        }
        return all;
    }

    /** A page of messages older than `last`, if given; it moves the reader's mark. Its newest message or undefined. */
    async page(user, chat, size, last) {
        const older = last ? `&lastMessage=${last.id}` : '';
        const { messages } = await this.get(user, `/api/messages/getMessages/${chat.id}?size=${size}${older}`);
        const wanted = this.#messages(chat).filter(({ place }) => !last || place < last.place).slice(0, size);
        same('a page of getMessages', messages.map(({ messageId }) => messageId), wanted.map(({ id }) => id));
        return wanted[0];
    }

    #messages(chat) {
        return chat.messages.filter((m) => m.deleted === undefined).reverse();
    }

    async chats(user) {
        const chats = [];
        for (let page = 0; chats.length === page * PAGE; page++) {
            chats.push(...(await this.get(user, `/api/chat/getChats?size=${PAGE}&page=${page}`)).chats);
        }
        const wanted = this.model.chatsOf(user);
        same(`getChats of ${user.username}`, chats.map(({ chatId }) => chatId).sort(), wanted.map(({ id }) => id).sort());
        const times = chats.map((chat) => chat.lastMessageTimestamp ?? chat.createdAt);
        if (!this.userWasDeleted) {
            same('the order of getChats', times, times.toSorted().reverse());
        }
        chats.forEach((answer) => this.#details(user, answer));
    }

    #details(user, answer) {
        const chat = this.model.chats.get(answer.chatId);
        const last = chat.messages.findLast((m) => !m.deleted);
        if (!chat.creator) {
            chat.creator = [...chat.members.keys()].find(({ id }) => id === answer.creator);
        }
        same(`getChats of ${user.username}`,
             [answer.chatName, answer.creator, answer.groupChat, answer.lastMessage, answer.lastMessageTimestamp === null, answer.unreadCount],
             [chat.name, chat.creator?.id, chat.members.size > 2, last?.versions.at(-1).text ?? null, !last, this.model.unread(chat, user)]);
    }

    async chat(user, chat) {
        const { users } = await this.get(user, `/api/chat/getUsers/${chat.id}`);
        same('getUsers', users.map(({ userId }) => userId).sort(), [...chat.members.keys()].map(({ id }) => id).sort());
        for (const { userId, lastSeenMessage } of users) {
            const { mark } = [...chat.members].find(([{ id }]) => id === userId)[1];
            const named = chat.messages.find((m) => m.id === lastSeenMessage);
            if (!mark?.deleted && !named?.deleted) { // a mark may stand on a message that was deleted
                same('lastSeenMessage', lastSeenMessage, mark?.id ?? null);
            }
        }
        const messages = await this.history(user, chat);
        const reply = ({ replyTo }) => (replyTo && !replyTo.deleted ? replyTo.versions.at(-1).text : null);
        same('getMessages',
             messages.map((m) => [m.messageId, m.senderId, m.content, m.edited, m.replyTo?.content ?? null, m.reactions.map(({ reactionId }) => reactionId).sort()]),
             this.#messages(chat).map((m) => [m.id, m.sender.id, m.versions.at(-1).text, m.versions.length > 1, reply(m), [...m.reactions.keys()].sort()]));
    }

    /** The id of the reaction, which must be read. */
    async reaction(user, message, reaction) {
        const found = (await this.history(user, message.chat)).find(({ messageId }) => messageId === message.id);
        return found?.reactions.find((each) => each.reaction === reaction)?.reactionId ?? differ('a confirmed reaction is not read');
    }
}
