// Runs a list of steps against a real server and holds everything that is read or received against the
// model. A step names users, chats and messages by number; one that has no object (any more) is passed
// over, so that every part of a list is a list.

import { api, createChat, createTenant, expectStatus, startServer, unique } from '../contract/harness.mjs';
import { connect, rawSocket, Refused } from '../contract/realtime.mjs';
import { Device } from './device.mjs';
import { Model } from './model.mjs';
import { Proxy } from './proxy.mjs';

const USERS = 4;
const DEVICES = ['ws', 'ws', 'xhr_streaming', 'xhr', 'websocket'];
const SETTLE = 15_000;

export class Difference extends Error {
    name = 'Difference';
}

const differ = (text) => {
    throw new Difference(text);
};
const same = (what, got, wanted) => {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    if (a !== b) {
        differ(`${what}: ${a}, the model has ${b}`);
    }
};
const pick = (list, n) => (list.length ? list[Math.abs(n ?? 0) % list.length] : undefined);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

class World {
    model = new Model();
    devices = [];
    faults = { cut: 0, kill: 0, restart: 0, silent: 0, stall: 0, part: 0, load: 0, retry: 0 };
    #actors = new Map();
    #got = new Map(); // of each device: what it has, see #ofDevice
    #ids = new Map(); // event -> its id

    constructor(options) {
        this.options = options;
    }

    async open() {
        this.server = await startServer({ args: ['--message-rate', 'off', '--request-rate', 'off',
            '--demo-users', '0', '--threads', '1', ...(this.options.args ?? [])] });
        const { users } = await createTenant(this.server, ...Array.from({ length: USERS }, (_, i) => `user${i}`));
        this.model.users = users;
        this.others = (await createTenant(this.server, 'x', 'y')).users;
        this.theirs = await createChat(...this.others);
        await this.#busy();
        for (const [i, transport] of DEVICES.entries()) {
            const proxy = await new Proxy().listen(() => Number(new URL(this.server.api).port));
            const device = new Device(`device ${i} (${transport})`, users[i % 3], proxy, transport);
            this.devices.push(device);
            this.#got.set(device, undefined);
            await this.back({ d: i });
        }
    }

    async close() {
        this.devices.forEach((device) => device.cut('rst'));
        this.devices.forEach(({ proxy }) => proxy.close());
        await Promise.all([...this.#actors.values()].map((actor) => actor.drop().catch(() => {})));
        await this.busy?.close();
        await this.server.stop();
    }

    // ------------------------------------------------------------ who and what

    #user(n) {
        return pick(this.model.users.filter((user) => !user.deleted), n);
    }

    /** A chat of the user, the newest ones first. */
    #chat(user, n) {
        return user && pick(this.model.chatsOf(user).slice(-6).reverse(), n);
    }

    #message(chat, n, which = () => true) {
        return chat && pick(chat.messages.filter((m) => !m.deleted && which(m)).reverse(), n);
    }

    async #actor(user, again = false) {
        if (again || !this.#actors.has(user)) {
            const actor = await connect(this.server, user);
            actor.closed.then(() => this.#actors.get(user) === actor && this.#actors.delete(user));
            this.#actors.set(user, actor);
        }
        return this.#actors.get(user);
    }

    async #act(user, action) {
        try {
            await (await this.#actor(user)).send(action);
        } catch (error) {
            if (error instanceof Refused) {
                differ(`${JSON.stringify(action)} was refused: ${error.message}`);
            }
            throw error;
        }
    }

    async #rest(user, method, path, body) {
        return expectStatus(await api(user, method, path, body), method === 'POST' && path.endsWith('createChat') ? 201 : 200).body;
    }

    // ------------------------------------------------------------ steps

    async create({ u, with: others = [], many = 1 }) {
        const user = this.#user(u);
        const members = user && [...new Set([user, ...others.map((n) => this.#user(n))])];
        for (let i = 0; members?.length > 1 && i < many; i++) {
            const chatName = unique('chat');
            const { chatId } = await this.#rest(user, 'POST', '/api/chat/createChat',
                { chatName, userNames: members.map(({ username }) => username) });
            this.model.create(chatId, chatName, user, members);
        }
    }

    /** n messages one behind the other; kill: the server is killed among them, and they are sent again. */
    async send({ u, c, n = 1, reply, kill, size = 0, everywhere }) {
        const user = this.#user(u);
        const chats = everywhere ? user && this.model.chatsOf(user) : [this.#chat(user, c)];
        for (const chat of chats ?? []) {
            const original = reply === undefined ? undefined : this.#message(chat, reply);
            const actions = chat && Array.from({ length: n }, () => ({
                type: original ? 'REPLY' : 'SEND_MSG', chatId: chat.id, ...(original && { messageId: original.id }),
                message: unique('text') + 'x'.repeat(size), clientMessageId: unique('id') }));
            if (!actions) {
                continue;
            }
            const events = new Map();
            const sendAll = async () => {
                const actor = await this.#actor(user);
                actor.onEvent = (event) => event.clientMessageId && events.set(event.clientMessageId, event);
                return [actor, Promise.all(actions.map((action) => actor.send(action)))];
            };
            let [actor, sent] = await sendAll();
            if (kill) {
                this.faults.kill++;
                sent.catch(() => {});
                await sleep(kill);
                await this.#kill();
                [actor, sent] = await sendAll();
            }
            await sent.catch((error) => (error instanceof Refused ? differ(`a message was refused: ${error.message}`) : Promise.reject(error)));
            await this.#until(() => actions.every(({ clientMessageId: id }) => events.has(id)), () => 'the sender did not get its own messages');
            actor.forget();
            actor.events.length = actor.frames.length = 0;
            for (const { message, clientMessageId } of actions) {
                this.model.send(chat, user, events.get(clientMessageId).messageId, message,
                                { replyTo: original ?? null, clientMessageId });
            }
        }
    }

    async edit({ u, c, m }) {
        const user = this.#user(u);
        const message = this.#message(this.#chat(user, c), m, ({ sender }) => sender === user);
        if (message) {
            const text = unique('edited');
            await this.#act(user, { type: 'EDIT_MSG', chatId: message.chat.id, messageId: message.id, message: text });
            this.model.edit(message, text);
        }
    }

    async delete({ u, c, m }) {
        const user = this.#user(u);
        const chat = this.#chat(user, c);
        const message = this.#message(chat, m, ({ sender }) => sender === user || chat.creator === user);
        if (message) {
            await this.#act(user, { type: 'DELETE_MSG', chatId: chat.id, messageId: message.id });
            this.model.delete(message, user);
        }
    }

    async #history(user, chat) {
        const all = [];
        for (let more = true, last = ''; more; last = `&lastMessage=${all.at(-1)?.messageId}`) {
            const path = `/api/messages/getMessages/${chat.id}?size=100&mark=false${last}`;
            const { messages } = await this.#rest(user, 'GET', path);
            all.push(...messages);
            more = messages.length === 100;
        }
        return all;
    }

    async #reactions(user, message) {
        return (await this.#history(user, message.chat)).find(({ messageId }) => messageId === message.id)?.reactions ?? [];
    }

    async react({ u, c, m }) {
        const user = this.#user(u);
        const message = this.#message(this.#chat(user, c), m);
        if (message) {
            const reaction = unique('r');
            await this.#act(user, { type: 'REACT', chatId: message.chat.id, messageId: message.id, reaction });
            const made = (await this.#reactions(user, message)).find((each) => each.reaction === reaction);
            this.model.react(message, user, made?.reactionId ?? differ('a confirmed reaction is not read'), reaction);
        }
    }

    async unreact({ u, c, m }) {
        const user = this.#user(u);
        const mine = (message) => [...message.reactions.values()].some((r) => r.user === user);
        const message = this.#message(this.#chat(user, c), m, mine);
        if (message) {
            const [reactionId] = [...message.reactions].find(([, r]) => r.user === user);
            await this.#act(user, { type: 'DELETE_REACT', reactionId });
            this.model.unreact(message, reactionId);
        }
    }

    async mark({ u, c, m }) {
        const user = this.#user(u);
        const message = this.#message(this.#chat(user, c), m);
        if (message) {
            await this.#act(user, { type: 'READ_MSG', chatId: message.chat.id, messageId: message.id });
            if (this.model.mark(message, user)) {
                this.#due(message, user);
            }
        }
    }

    /** The last mark is due to the devices of those who are members now. */
    #due(message, reader) {
        for (const device of this.devices) {
            if (message.chat.members.has(device.user)) {
                this.#got.get(device)?.due.set(`${message.chat.id} ${reader.id}`, message);
            }
        }
    }

    async typing({ u, c }) {
        const user = this.#user(u);
        const chat = this.#chat(user, c);
        if (chat) {
            await this.#act(user, { type: 'TYPING', chatId: chat.id });
        }
    }

    async rename({ u, c, n = 1 }) {
        const user = this.#user(u);
        const chat = this.#chat(user, c);
        for (let i = 0; chat && i < n; i++) {
            const newChatName = unique('name');
            await this.#rest(user, 'POST', '/api/chat/changeName', { chatId: chat.id, newChatName });
            this.model.rename(chat, newChatName, user);
        }
    }

    async add({ u, c, who }) {
        const user = this.#user(u);
        const chat = this.#chat(user, c);
        const added = chat && pick(this.model.users.filter((each) => !each.deleted && !chat.members.has(each)), who);
        if (added) {
            await this.#rest(user, 'POST', '/api/chat/addUser', { chatId: chat.id, newUsername: added.username });
            this.model.add(chat, added, user);
            this.#undue(chat, added);
        }
    }

    async remove({ u, c, who }) {
        const user = this.#user(u);
        const chat = this.#chat(user, c);
        const removed = chat && (chat.creator === user ? pick([...chat.members.keys()], who) : user);
        if (removed) {
            await this.#rest(user, 'POST', '/api/chat/removeUser', { chatId: chat.id, removeUser: removed.id });
            this.model.leave(chat, removed);
            this.#undue(chat, removed);
        }
    }

    async deleteChat({ u, c }) {
        const user = this.#user(u);
        const chat = this.#chat(user, c);
        if (chat?.creator === user) {
            await this.#rest(user, 'DELETE', `/api/chat/deleteChat?chatId=${chat.id}`);
            this.model.deleteChat(chat, user);
            this.devices.forEach((device) => this.#undue(chat, device.user));
        }
    }

    /** What of the chat's marks a member who came or went need not get any more. */
    #undue(chat, member) {
        for (const [device, got] of this.#got) {
            for (const key of got?.due.keys() ?? []) {
                if (key.startsWith(chat.id) && (device.user === member || key.endsWith(member.id))) {
                    got.due.delete(key);
                }
            }
        }
    }

    async deleteUser({ u }) {
        if (this.model.users.filter(({ deleted }) => !deleted).length <= 2) {
            return;
        }
        const user = this.#user(u);
        const chats = this.model.chatsOf(user);
        await this.#rest(user, 'DELETE', '/api/user/deleteUser');
        this.userWasDeleted = true;
        this.model.deleteUser(user);
        chats.forEach((chat) => this.#undue(chat, user));
        this.devices.filter((device) => device.user === user).forEach((device) => device.cut('rst'));
        this.#actors.delete(user);
        const left = chats.flatMap(({ members }) => [...members.keys()])[0];
        if (left) {
            await this.#readChats(left); // what a 2xx has confirmed
        }
    }

    /** A message of one's own once more, with its text (nothing new) or another (refused). */
    async again({ u, c, m, other }) {
        const user = this.#user(u);
        const chat = this.#chat(user, c);
        const message = chat && pick(chat.messages.filter(({ sender, replyTo }) => sender === user && !replyTo).reverse(), m);
        if (!message) {
            return;
        }
        const action = { type: 'SEND_MSG', chatId: chat.id, clientMessageId: message.clientMessageId,
                         message: other ? unique('other') : message.first };
        const refusal = await (await this.#actor(user)).send(action).then(() => undefined, (error) => error);
        if (refusal && !(refusal instanceof Refused)) {
            throw refusal;
        }
        if (Boolean(refusal) !== Boolean(other)) {
            differ(`a clientMessageId with ${other ? 'another' : 'the same'} text was ` +
                   `${refusal ? refusal.message : 'taken'}`);
        }
    }

    async load({ n = 1200 }) {
        this.faults.load++;
        const socket = await this.#busy();
        const action = { type: 'SEND_MSG', chatId: this.theirs.chatId, message: 'load' };
        for (let i = 1; i < n; i++) {
            socket.action(action);
        }
        const receipt = unique('load');
        socket.action(action, { receipt });
        await socket.next((frame) => frame.headers['receipt-id'] === receipt);
    }

    /** The other app's socket, which subscribes to nothing; made anew after a kill. */
    async #busy() {
        if (!this.busy) {
            const socket = this.busy = await rawSocket(this.server, this.others[0]);
            socket.closed.then(() => (this.busy = this.busy === socket ? undefined : this.busy));
            await socket.connect();
        }
        return this.busy;
    }

    async wait({ ms }) {
        await sleep(ms);
    }

    cut({ d, how = 'rst' }) {
        const device = pick(this.devices, d);
        if (device.online) {
            this.faults[how === 'silent' ? 'silent' : 'cut']++;
            device.cut(how);
        }
    }

    /** The device comes back; after: frames until it is cut again; retry: its last message sent again at once. */
    async back({ d, after, retry, stall }) {
        const device = pick(this.devices, d);
        if (device.online || device.user.deleted) {
            return;
        }
        this.#judge(device);
        if (!device.cursor || !this.#got.get(device)) {
            this.#got.set(device, { from: this.model.log.length, has: new Set(), next: new Map(), due: new Map(), marks: new Map() });
        }
        const also = [];
        if (retry !== undefined && device.cursor) {
            const mine = [...this.model.messages.values()].filter((m) => m.sender === device.user &&
                !m.replyTo && !m.deleted && m.chat.members.has(device.user) && !m.chat.deleted);
            const message = pick(mine.reverse(), retry);
            if (message) {
                this.faults.retry++;
                also.push({ type: 'SEND_MSG', chatId: message.chat.id, message: message.first, clientMessageId: message.clientMessageId });
            }
        }
        this.faults.part += after ? 1 : 0;
        const resumes = device.cursor !== undefined; /* else it was cut before it got anything */
        this.faults.stall += stall ? 1 : 0;
        await device.open({ since: this.model.log.length, after, also, stall });
        if (stall) {
            await sleep(stall);
            device.proxy.flow();
        }
        if (resumes) {
            await this.#until(() => !device.online || device.inbox.some(({ event }) => event.type === 'RESUMED'),
                () => `${device.name} did not get RESUMED`);
        }
        this.#judge(device);
    }

    async #kill() {
        await this.server.kill9();
        this.devices.forEach((device) => device.cut('rst'));
        this.#actors.clear();
        this.busy = undefined;
        await this.server.start();
    }

    async kill() {
        this.faults.kill++;
        await this.#kill();
    }

    async restart() {
        this.faults.restart++;
        this.devices.forEach((device) => device.cut('fin'));
        this.#actors.clear();
        this.busy = undefined;
        await this.server.restart();
    }

    // ------------------------------------------------------------ what is read

    async look({ u }) {
        const user = this.#user(u);
        await this.#readChats(user);
        for (const chat of this.model.chatsOf(user).slice(-4)) {
            await this.#readChat(user, chat);
        }
    }

    async #readChats(user) {
        const chats = [];
        for (let page = 0; chats.length === page * 100; page++) {
            chats.push(...(await this.#rest(user, 'GET', `/api/chat/getChats?size=100&page=${page}`)).chats);
        }
        const wanted = this.model.chatsOf(user);
        same(`getChats of ${user.username}`, chats.map(({ chatId }) => chatId).sort(), wanted.map(({ id }) => id).sort());
        const times = chats.map((chat) => chat.lastMessageTimestamp ?? chat.createdAt);
        if (!this.userWasDeleted) { // what is documented as later: the place of chats whose newest message was theirs
            same('the order of getChats', times, times.toSorted().reverse());
        }
        for (const answer of chats) {
            const chat = this.model.chats.get(answer.chatId);
            const last = chat.messages.findLast((m) => !m.deleted);
            if (!chat.creator) {
                chat.creator = [...chat.members.keys()].find(({ id }) => id === answer.creator);
            }
            same(`getChats of ${user.username}`, [answer.chatName, answer.creator, answer.groupChat, answer.lastMessage, answer.lastMessageTimestamp === null, answer.unreadCount],
                 [chat.name, chat.creator?.id, chat.members.size > 2, last?.versions.at(-1).text ?? null, !last, this.model.unread(chat, user)]);
        }
    }

    async #readChat(user, chat) {
        const { users } = await this.#rest(user, 'GET', `/api/chat/getUsers/${chat.id}`);
        same('getUsers', users.map(({ userId }) => userId).sort(), [...chat.members.keys()].map(({ id }) => id).sort());
        for (const { userId, lastSeenMessage } of users) {
            const { mark } = [...chat.members].find(([{ id }]) => id === userId)[1];
            const named = chat.messages.find((m) => m.id === lastSeenMessage);
            if (!mark?.deleted && !named?.deleted) { // a mark may stand on a message that was deleted
                same('lastSeenMessage', lastSeenMessage, mark?.id ?? null);
            }
        }
        const messages = await this.#history(user, chat);
        const wanted = chat.messages.filter((m) => m.deleted === undefined).reverse();
        same('getMessages', messages.map((m) => [m.messageId, m.senderId, m.content, m.edited, m.replyTo?.content ?? null, m.reactions.map(({ reactionId }) => reactionId).sort()]),
             wanted.map((m) => [m.id, m.sender.id, m.versions.at(-1).text, m.versions.length > 1,
                                m.replyTo && !m.replyTo.deleted ? m.replyTo.versions.at(-1).text : null, [...m.reactions.keys()].sort()]));
    }

    // ------------------------------------------------------------ what was received

    #wanted(device, got, until = Infinity) {
        return this.model.log.slice(got.from, until).filter((event) => event.to.has(device.user) && !got.has.has(event));
    }

    #judge(device) {
        const got = this.#got.get(device);
        for (const { event, id, connection } of device.inbox.splice(0)) {
            if (process.env.MODEL_TRACE) {
                console.log(device.name, id, event.type, event.seq, event.messageId, event.complete);
            }
            const at = `${device.name} got ${JSON.stringify(event).slice(0, 400)}`;
            if (event.recipientId && event.recipientId !== device.user.id) {
                differ(`${at}, which is another's`);
            }
            if (event.type === 'RESYNC') {
                connection.resync = event.chats;
                for (const missed of this.#wanted(device, got, connection.since)) {
                    if (event.chats.includes(missed.chat.id)) {
                        got.has.add(missed);
                    }
                }
                for (const key of [...got.due.keys()].filter((key) => event.chats.includes(key.split(' ')[0]))) {
                    got.due.delete(key);
                }
            } else if (event.type === 'RESUMED') {
                const [missing] = this.#wanted(device, got, connection.since);
                if (event.complete && missing) {
                    differ(`${device.name} was told complete:true without ${missing.type} ${missing.seq} of chat ${missing.chat.id}`);
                }
                this.#wanted(device, got, connection.since).forEach((each) => got.has.add(each));
            } else if (event.type === 'READ_MSG') {
                this.#read(at, got, event);
            } else if (event.seq !== undefined) {
                this.#stored(at, device, got, event, id, connection);
            } else if (event.chatId && !this.model.chats.has(event.chatId)) {
                differ(`${at}, of a chat that is not its own`);
            }
        }
    }

    #read(at, got, event) {
        const message = this.model.messages.get(event.messageId);
        const key = `${event.chatId} ${event.senderId}`;
        if (message?.chat.id !== event.chatId) {
            differ(`${at}: no such message`);
        }
        if (!(got.marks.get(key)?.place > message.place)) {
            got.marks.set(key, message);
        }
    }

    #stored(at, device, got, event, id, { since }) {
        const known = this.model.chats.get(event.chatId)?.events[event.seq - 1];
        if (!known?.to.has(device.user)) {
            differ(`${at}, which is not its own or not there`);
        }
        if (this.#ids.get(known) !== undefined) {
            same(`${at}; its id`, id, this.#ids.get(known));
        }
        this.#ids.set(known, id);
        same(at, [event.type, event.senderId, event.eventId], [known.type, known.sender.id, id]);
        const { message } = known;
        const about = event.type === 'REPLY' ? [event.messageId] : [event.messageId, event.parentMessageId];
        if (message && !about.includes(message.id)) {
            differ(`${at}, the model has message ${message.id}`);
        }
        if (message?.deleted !== undefined && message.deleted < since && (event.message || !event.deleted) && known.type !== 'DELETE_MSG') {
            differ(`${at}, which was deleted before this connection`);
        }
        if (message && ['SEND_MSG', 'REPLY', 'EDIT_MSG'].includes(known.type) && !event.deleted &&
            !this.model.textsSince(message, since).includes(event.message)) {
            differ(`${at}, the model has ${JSON.stringify(this.model.textsSince(message, since))}`);
        }
        const [before] = got.has.has(known) ? [] : this.model.log.slice(got.from, known.at)
            .filter((each) => each.chat === known.chat && each.to.has(device.user) && !got.has.has(each));
        if (before) {
            differ(`${at} before ${before.type} ${before.seq}`);
        }
        got.has.add(known);
    }

    async #until(probe, what) {
        const end = Date.now() + SETTLE;
        while (!probe()) {
            if (Date.now() > end) {
                differ(what());
            }
            await sleep(20);
        }
    }

    /** Every device is online and has everything. */
    async check() {
        for (const [d, device] of this.devices.entries()) {
            if (device.user.deleted) {
                continue;
            }
            await this.back({ d });
            const got = this.#got.get(device);
            const lacks = () => {
                this.#judge(device);
                const [event] = this.#wanted(device, got);
                if (event) {
                    return `${event.type} ${event.seq} of chat ${event.chat.id}`;
                }
                for (const [key, message] of got.due) {
                    if (!(got.marks.get(key)?.place >= message.place)) {
                        return `the read mark ${key} at ${message.id} (number ${message.place})`;
                    }
                }
                return undefined;
            };
            await this.#until(() => !lacks(), () => `${device.name} never got ${lacks()}`);
        }
        for (const user of this.model.users.filter(({ deleted }) => !deleted)) {
            await this.#readChats(user);
        }
    }
}

/** {difference, at, faults, steps}: the difference's text and the number of its step, if there is one. */
export async function runSteps(steps, options = {}, until = Infinity) {
    const world = new World(options);
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
