// The server, its users and their devices, and what befalls them: cuts, kills, restarts, load of another app.
// Everything that comes or is read is held against the model; actions.mjs has what users do.

import { api, createChat, createTenant, expectStatus, startServer, unique } from '../contract/harness.mjs';
import { connect, rawSocket, Refused } from '../contract/realtime.mjs';
import { Device } from './device.mjs';
import { differ, pick, sleep } from './difference.mjs';
import { Model } from './model.mjs';
import { Proxy } from './proxy.mjs';
import { Reads } from './reads.mjs';
import { Received } from './received.mjs';

const USERS = 4;
const DEVICES = ['ws', 'ws', 'xhr_streaming', 'xhr', 'websocket'];
const SETTLE = 15_000;

export class World {
    model = new Model();
    reads = new Reads(this.model);
    devices = [];
    faults = { cut: 0, kill: 0, restart: 0, silent: 0, stall: 0, part: 0, load: 0, retry: 0, again: 0, pull: 0 };
    #actors = new Map();
    #received = new Map(); // of each device that got something, and of each user that asks /api/sync
    #pulls = new Map(); // by user: the cursor of /api/sync
    #ids = new Map(); // event -> its id
    #busy; // the other app's socket, which subscribes to nothing

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
        await this.#otherSocket();
        for (const [i, transport] of DEVICES.entries()) {
            const proxy = await new Proxy().listen(() => Number(new URL(this.server.api).port));
            this.devices.push(new Device(`device ${i} (${transport})`, users[i % 3], proxy, transport));
            await this.back({ d: i });
        }
    }

    async close() {
        this.devices.forEach((device) => device.cut('rst'));
        this.devices.forEach(({ proxy }) => proxy.close());
        const open = [...this.#actors.values()].map((actor) => actor.drop());
        await Promise.allSettled([...open, this.#busy?.close()]);
        await this.server?.stop();
    }

    // ------------------------------------------------------------ who and what

    user(n) {
        return pick(this.model.users.filter((user) => !user.deleted), n);
    }

    /** A chat of the user, the newest ones first. */
    chat(user, n) {
        return user && pick(this.model.chatsOf(user).slice(-6).reverse(), n);
    }

    message(chat, n, which = () => true) {
        return chat && pick(chat.messages.filter((m) => !m.deleted && which(m)).reverse(), n);
    }

    async actor(user) {
        if (!this.#actors.has(user)) {
            const actor = await connect(this.server, user);
            actor.closed.then(() => this.#actors.get(user) === actor && this.#actors.delete(user));
            this.#actors.set(user, actor);
        }
        return this.#actors.get(user);
    }

    /** An action that must be taken. */
    async act(user, action) {
        try {
            await (await this.actor(user)).send(action);
        } catch (error) {
            if (error instanceof Refused) {
                differ(`${JSON.stringify(action)} was refused: ${error.message}`);
            }
            throw error;
        }
    }

    /** A request that must be answered with this status. */
    async rest(user, method, path, body, { status = 200, headers } = {}) {
        return expectStatus(await api(user, method, path, body, headers), status).body;
    }

    /** The last mark is due to all who listen for those who are members now. */
    due(message, reader) {
        this.#received.forEach((received) => received.due(message, reader));
    }

    undue(chat, member) {
        this.#received.forEach((received) => received.undue(chat, member));
    }

    /** The user is gone, with whatever listens for it: what a session got before it was closed is not judged. */
    gone(user) {
        for (const device of this.devices.filter((each) => each.user === user)) {
            device.cut('rst');
            device.inbox.length = 0;
        }
        this.#actors.delete(user);
        this.#received.delete(user);
        this.#pulls.delete(user);
    }

    // ------------------------------------------------------------ what befalls them

    /** n messages of another app. */
    async load({ n = 1200 }) {
        this.faults.load++;
        const socket = await this.#otherSocket();
        const action = { type: 'SEND_MSG', chatId: this.theirs.chatId, message: 'load' };
        for (let i = 1; i < n; i++) {
            socket.action(action);
        }
        const receipt = unique('load');
        socket.action(action, { receipt });
        await socket.next((frame) => frame.headers['receipt-id'] === receipt, SETTLE);
    }

    /** Made anew after a kill. */
    async #otherSocket() {
        if (!this.#busy) {
            const socket = this.#busy = await rawSocket(this.server, this.others[0]);
            socket.closed.then(() => (this.#busy = this.#busy === socket ? undefined : this.#busy));
            await socket.connect();
        }
        return this.#busy;
    }

    async wait({ ms }) {
        await sleep(ms);
    }

    /** late: once the device has every event that is due to it. */
    async cut({ d, how = 'rst', late }) {
        const device = pick(this.devices, d);
        if (late) {
            await this.until(() => {
                this.#judge(device);
                return !device.online || !this.#received.get(device).lacksEvent();
            }, () => `${device.name} never got ${this.#received.get(device).lacks()}`);
        }
        if (device.online) {
            this.faults[how === 'silent' ? 'silent' : 'cut']++;
            device.cut(how);
        }
    }

    /**
     * The device comes back; after: frames until it is cut again, or 'retry'; retry: its last message sent again at once;
     * stall: it takes nothing for so many ms, until the log since its cursor was 'pruned', or until 'flow'.
     */
    async back({ d, after, retry, stall }) {
        const device = pick(this.devices, d);
        if (device.online || device.user.deleted) {
            return;
        }
        this.#judge(device);
        if (!device.cursor) {
            this.#received.set(device, new Received(device.name, device.user, this.model, this.#ids));
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
        const resumes = device.cursor !== undefined; // else it was cut before it got anything
        this.faults.stall += stall ? 1 : 0;
        const { cursor } = device;
        const connection = await device.open({ since: this.model.log.length, after, also, stall });
        if (stall === 'flow') {
            return;
        }
        if (stall) {
            await (stall === 'pruned' ? this.#pruned(device.user, cursor) : sleep(stall));
            device.proxy.flow();
            if (!resumes) {
                await connection.subscribed();
            }
        }
        if (resumes) {
            await this.until(() => !device.online || device.inbox.some(({ event }) => event.type === 'RESUMED'),
                () => `${device.name} did not get RESUMED`);
        }
        this.#judge(device);
    }

    flow({ d }) {
        pick(this.devices, d).proxy.flow();
    }

    async #pruned(user, cursor) {
        await this.until(async () => !(await this.rest(user, 'GET', `/api/sync?cursor=${cursor}&limit=1`)).complete,
            () => `the log since ${cursor} was never pruned`);
    }

    /** Ends the server at once and starts it again. */
    async killServer() {
        await this.server.kill9();
        this.devices.forEach((device) => device.cut('rst'));
        this.#actors.clear();
        this.#busy = undefined;
        await this.server.start();
    }

    async kill() {
        this.faults.kill++;
        await this.killServer();
    }

    async restart() {
        this.faults.restart++;
        this.devices.forEach((device) => device.cut('fin'));
        this.#actors.clear();
        this.#busy = undefined;
        await this.server.restart();
    }

    // ------------------------------------------------------------ what is read and received

    async look({ u }) {
        const user = this.user(u);
        await this.reads.chats(user);
        for (const chat of this.model.chatsOf(user).slice(-4)) {
            await this.reads.chat(user, chat);
        }
    }

    #judge(device) {
        for (const { event, id, connection } of device.inbox.splice(0)) {
            if (process.env.MODEL_TRACE) {
                console.log(device.name, id, event.type, event.seq, event.messageId, event.complete);
            }
            this.#received.get(device).judge(event, id, connection);
        }
    }

    /** The user asks GET /api/sync for pages of what it missed: as many as there are, or `pages`. */
    async pull({ u, limit = 100, pages = Infinity }) {
        const user = this.user(u);
        this.faults.pull++;
        const since = this.model.log.length;
        if (!this.#pulls.has(user)) {
            this.#received.set(user, new Received(`${user.username} by /api/sync`, user, this.model, this.#ids));
            const { cursor, complete } = await this.rest(user, 'GET', '/api/sync');
            this.#received.get(user).resumed(complete, { since });
            this.#pulls.set(user, cursor);
        }
        const received = this.#received.get(user);
        for (let page = 0, more = true; more && page < pages; page++) {
            const answer = await this.rest(user, 'GET', `/api/sync?cursor=${this.#pulls.get(user)}&limit=${limit}`);
            answer.events.forEach((event) => received.judge(event, event.eventId, { since }));
            this.#pulls.set(user, answer.cursor);
            more = answer.hasMore;
            if (!more) {
                received.resumed(answer.complete, { since });
            }
        }
    }

    async until(probe, what) {
        const end = Date.now() + SETTLE;
        while (!(await probe())) {
            if (Date.now() > end) {
                differ(what());
            }
            await sleep(20);
        }
    }

    /** Every device is online and has everything, and so has who asks /api/sync. */
    async check() {
        for (const [d, device] of this.devices.entries()) {
            if (device.user.deleted) {
                continue;
            }
            const came = async () => {
                await this.back({ d }); // again, if the server closed it: it was too slow, say
                this.#judge(device);
                return !this.#received.get(device).lacks();
            };
            await this.until(came, () => `${device.name} (${device.online ? 'online' : 'closed'}) never got ` +
                this.#received.get(device).lacks());
        }
        const users = this.model.users.filter(({ deleted }) => !deleted);
        for (const [u, user] of users.entries()) {
            await this.reads.chats(user);
            if (this.#pulls.has(user)) {
                const received = this.#received.get(user);
                await this.until(async () => {
                    await this.pull({ u });
                    return !received.lacks();
                }, () => `${user.username} never got ${received.lacks()} by /api/sync`);
            }
        }
    }
}
