// What users do, and that the server does it: each step is a method. A step names users, chats and messages by
// number; one that has no object (any more) is passed over, so that every part of a list of steps is a list.

import { randomBytes } from 'node:crypto';
import { api, unique } from '../contract/harness.mjs';
import { Refused } from '../contract/realtime.mjs';
import { differ, Difference, pick, same, sleep } from './difference.mjs';
import { World } from './world.mjs';

/** Messages sent at once. */
const PART = 100;
const hardToCompress = (size) => randomBytes(Math.floor(size * 3 / 4)).toString('base64');

class Users extends World {
    /**
     * A POST that creates. again: it has an Idempotency-Key and is sent once more, which gives the first answer,
     * and with another body, which is refused; again 'kill': the server is killed before the first answer.
     */
    async #make(user, path, body, status, again) {
        if (!again) {
            return this.rest(user, 'POST', path, body, { status });
        }
        this.faults.again++;
        const headers = { 'Idempotency-Key': unique('key') };
        if (again === 'kill') {
            const lost = api(user, 'POST', path, body, headers).catch(() => {});
            await sleep(2);
            await this.kill();
            await lost;
        }
        const first = await this.rest(user, 'POST', path, body, { status, headers });
        same(`${path} again`, await this.rest(user, 'POST', path, body, { status, headers }), first);
        await this.rest(user, 'POST', path, { ...body, more: 1 }, { status: 422, headers });
        return first;
    }

    async create({ u, with: others = [], many = 1, again }) {
        const user = this.user(u);
        const members = user && [...new Set([user, ...others.map((n) => this.user(n))])];
        for (let i = 0; members?.length > 1 && i < many; i++) {
            const chatName = unique('chat');
            const { chatId } = await this.#make(user, '/api/chat/createChat',
                { chatName, userNames: members.map(({ username }) => username) }, 201, again);
            this.model.create(chatId, chatName, user, members);
        }
    }

    /** n messages one behind the other; kill: the server is killed among them, and they are sent again. */
    async send({ u, c, n = 1, reply, kill, size = 0, everywhere }) {
        const user = this.user(u);
        const chats = everywhere ? user && this.model.chatsOf(user) : [this.chat(user, c)];
        for (const chat of chats ?? []) {
            const original = reply === undefined ? undefined : this.message(chat, reply);
            const actions = chat && Array.from({ length: n }, () => ({
                type: original ? 'REPLY' : 'SEND_MSG', chatId: chat.id, ...(original && { messageId: original.id }),
                message: unique('text') + hardToCompress(size), clientMessageId: unique('id') }));
            if (!actions) {
                continue;
            }
            const events = new Map();
            const sendAll = async () => {
                const actor = await this.actor(user);
                actor.onEvent = (event) => event.clientMessageId && events.set(event.clientMessageId, event);
                return [actor, this.#sendInParts(actor, actions)];
            };
            let [actor, sent] = await sendAll();
            if (kill) {
                this.faults.kill++;
                sent.catch(() => {});
                await sleep(kill);
                await this.killServer();
                [actor, sent] = await sendAll();
            }
            await sent.catch((error) => (error instanceof Refused ? differ(`a message was refused: ${error.message}`) : Promise.reject(error)));
            await this.until(() => actions.every(({ clientMessageId: id }) => events.has(id)), () => 'the sender did not get its own messages');
            actor.forget();
            actor.events.length = actor.frames.length = 0;
            for (const { message, clientMessageId } of actions) {
                this.model.send(chat, user, events.get(clientMessageId).messageId, message,
                                { replyTo: original ?? null, clientMessageId });
            }
        }
    }

    async #sendInParts(actor, actions) {
        for (let from = 0; from < actions.length; from += PART) { // so that each RECEIPT comes in time
            await Promise.all(actions.slice(from, from + PART).map((action) => actor.send(action)));
        }
    }

    async edit({ u, c, m }) {
        const user = this.user(u);
        const message = this.message(this.chat(user, c), m, ({ sender }) => sender === user);
        if (message) {
            const text = unique('edited');
            await this.act(user, { type: 'EDIT_MSG', chatId: message.chat.id, messageId: message.id, message: text });
            this.model.edit(message, text);
        }
    }

    async delete({ u, c, m }) {
        const user = this.user(u);
        const chat = this.chat(user, c);
        const message = this.message(chat, m, ({ sender }) => sender === user || chat.creator === user);
        if (message) {
            await this.act(user, { type: 'DELETE_MSG', chatId: chat.id, messageId: message.id });
            this.model.delete(message, user);
        }
    }

    async react({ u, c, m }) {
        const user = this.user(u);
        const message = this.message(this.chat(user, c), m);
        if (message) {
            const reaction = unique('r');
            await this.act(user, { type: 'REACT', chatId: message.chat.id, messageId: message.id, reaction });
            this.model.react(message, user, await this.reads.reaction(user, message, reaction), reaction);
        }
    }

    async unreact({ u, c, m }) {
        const user = this.user(u);
        const mine = (message) => [...message.reactions.values()].some((r) => r.user === user);
        const message = this.message(this.chat(user, c), m, mine);
        if (message) {
            const [reactionId] = [...message.reactions].find(([, r]) => r.user === user);
            await this.act(user, { type: 'DELETE_REACT', reactionId });
            this.model.unreact(message, reactionId);
        }
    }

    async mark({ u, c, m }) {
        const user = this.user(u);
        const message = this.message(this.chat(user, c), m);
        if (message) {
            await this.act(user, { type: 'READ_MSG', chatId: message.chat.id, messageId: message.id });
            if (this.model.mark(message, user)) {
                this.due(message, user);
            }
        }
    }

    /** A page of history, the newest or what is older than message m; the mark moves with it. */
    async page({ u, c, m, size = 50 }) {
        const user = this.user(u);
        const chat = this.chat(user, c);
        if (chat) {
            const newest = await this.reads.page(user, chat, size, m === undefined ? undefined : this.message(chat, m));
            if (newest && this.model.mark(newest, user)) {
                this.due(newest, user);
            }
        }
    }

    async typing({ u, c }) {
        const user = this.user(u);
        const chat = this.chat(user, c);
        if (chat) {
            await this.act(user, { type: 'TYPING', chatId: chat.id });
        }
    }

    async rename({ u, c, n = 1 }) {
        const user = this.user(u);
        const chat = this.chat(user, c);
        for (let i = 0; chat && i < n; i++) {
            const newChatName = unique('name');
            await this.rest(user, 'POST', '/api/chat/changeName', { chatId: chat.id, newChatName });
            this.model.rename(chat, newChatName, user);
        }
    }

    async add({ u, c, who, again }) {
        const user = this.user(u);
        const chat = this.chat(user, c);
        const added = chat && pick(this.model.users.filter((each) => !each.deleted && !chat.members.has(each)), who);
        if (added) {
            await this.#make(user, '/api/chat/addUser', { chatId: chat.id, newUsername: added.username }, 200, again);
            this.model.add(chat, added, user);
            this.undue(chat, added);
        }
    }

    async remove({ u, c, who }) {
        const user = this.user(u);
        const chat = this.chat(user, c);
        const removed = chat && (chat.creator === user ? pick([...chat.members.keys()], who) : user);
        if (removed) {
            await this.rest(user, 'POST', '/api/chat/removeUser', { chatId: chat.id, removeUser: removed.id });
            this.model.leave(chat, removed);
            this.undue(chat, removed);
        }
    }

    async deleteChat({ u, c }) {
        const user = this.user(u);
        const chat = this.chat(user, c);
        if (chat?.creator === user) {
            await this.rest(user, 'DELETE', `/api/chat/deleteChat?chatId=${chat.id}`);
            this.model.deleteChat(chat, user);
            this.model.users.forEach((each) => this.undue(chat, each));
        }
    }

    async deleteUser({ u }) {
        if (this.model.users.filter(({ deleted }) => !deleted).length <= 2) {
            return;
        }
        const user = this.user(u);
        const chats = this.model.chatsOf(user);
        await this.rest(user, 'DELETE', '/api/user/deleteUser');
        this.reads.userWasDeleted = true;
        this.model.deleteUser(user);
        chats.forEach((chat) => this.undue(chat, user));
        this.gone(user);
        const left = chats.flatMap(({ members }) => [...members.keys()])[0];
        if (left) {
            await this.reads.chats(left); // what a 2xx has confirmed
        }
    }

    /** A message of one's own once more, with its text (nothing new) or another (refused). */
    async again({ u, c, m, other }) {
        const user = this.user(u);
        const chat = this.chat(user, c);
        const message = chat && pick(chat.messages.filter(({ sender, replyTo }) => sender === user && !replyTo).reverse(), m);
        if (!message) {
            return;
        }
        const action = { type: 'SEND_MSG', chatId: chat.id, clientMessageId: message.clientMessageId,
                         message: other ? unique('other') : message.first };
        const refusal = await (await this.actor(user)).send(action).then(() => undefined, (error) => error);
        if (refusal && !(refusal instanceof Refused)) {
            throw refusal;
        }
        if (Boolean(refusal) !== Boolean(other)) {
            differ(`a clientMessageId with ${other ? 'another' : 'the same'} text was ` +
                   `${refusal ? refusal.message : 'taken'}`);
        }
    }
}

/** {difference, at, faults, steps}: the difference's text and the number of its step, if there is one. */
export async function runSteps(steps, options = {}, until = Infinity) {
    const world = new Users(options);
    let at = -1;
    try {
        await world.open();
        for (const [i, step] of steps.entries()) {
            at = i;
            if (Date.now() > until) {
                break;
            }
            const { do: name, ...rest } = step;
            await world[name](rest);
        }
        at = steps.length;
        await world.check();
        return { faults: world.faults, steps: at };
    } catch (error) {
        const text = error instanceof Difference ? error.message : `${error.name}: ${error.stack}`;
        return { difference: text, at, faults: world.faults, steps: at };
    } finally {
        await world.close().catch(() => {});
    }
}
