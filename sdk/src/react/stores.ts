// What the hooks show, kept while someone looks. A store reads by REST when its first subscriber
// comes and follows the events from then on; it knows nothing of React.

import type { WhispClient } from '../client.js';
import { WhispError } from '../errors.js';
import { EVENT_NAMES, type WhispEventName, type WhispEvents } from '../events.js';
import type { Chat, Message } from '../types.js';
import { applyToChats, applyToMessages, type Named, newerThan } from './apply.js';

const PAGE = 50;
/** Who types sends TYPING every 3 s; one that comes late, or one that is lost, changes nothing. */
const TYPING_MS = 7_000;

/** Nobody looks at this page: another tab is in front of it. */
function isHidden(): boolean {
    return (globalThis as { document?: { visibilityState?: string } }).document?.visibilityState === 'hidden';
}

/** A value that changes, in the form of React's `useSyncExternalStore`. */
export abstract class Store<T> {
    protected readonly client: WhispClient;
    #value: T;
    #listeners = new Set<() => void>();
    #unsubscribe: Array<() => void> = [];

    constructor(client: WhispClient, value: T) {
        this.client = client;
        this.#value = value;
    }

    readonly get = (): T => this.#value;

    readonly subscribe = (listener: () => void): (() => void) => {
        this.#listeners.add(listener);
        if (this.#listeners.size === 1) {
            this.start();
        }
        return () => {
            if (this.#listeners.delete(listener) && this.#listeners.size === 0) {
                this.#unsubscribe.splice(0).forEach((unsubscribe) => unsubscribe());
                this.stop();
            }
        };
    };

    protected abstract start(): void;

    protected stop(): void {
        // nothing more than the events
    }

    protected set(value: T): void {
        if (value !== this.#value) {
            this.#value = value;
            this.#listeners.forEach((listener) => listener());
        }
    }

    protected follow<E extends WhispEventName>(name: E, handler: (event: WhispEvents[E]) => void): void {
        this.#unsubscribe.push(this.client.realtime.on(name, handler));
    }
}

/** A list read by REST, then kept by events. What comes while it is read is applied afterwards. */
export interface List<T> {
    items: T[];
    loading: boolean;
    error: WhispError | null;
    /** There are older ones that were not read yet. */
    hasMore: boolean;
}

abstract class ListStore<T> extends Store<List<T>> {
    #reading = 0;
    #meanwhile: Named[] = [];

    constructor(client: WhispClient) {
        super(client, { items: [], loading: true, error: null, hasMore: false });
    }

    /** Undefined: read it again. */
    protected abstract apply(items: T[], named: Named): T[] | undefined;
    /** A page more than is shown, or anew. `mark`: somebody asked for it, and may look at it. */
    protected abstract read(shown: T[], anew: boolean, mark: boolean): Promise<T[]>;
    protected abstract join(before: T[], page: T[]): T[];
    protected abstract isMine(named: Named): boolean;

    /** Of the events that came while it was read, those that it may not cover. */
    protected uncovered(_items: T[], events: Named[]): Named[] {
        return events;
    }

    protected start(): void {
        for (const name of Object.values(EVENT_NAMES)) {
            this.follow(name, (event) => this.#happened({ name, event } as Named));
        }
        this.follow('resync', (event) => this.isMine({ name: 'resync', event }) && void this.#load(true, false));
        // What came between the first reading and the first connection is in no event.
        this.follow('connected', ({ reconnected }) => !reconnected && void this.#load(true, false));
        this.reload();
    }

    readonly reload = (): void => void this.#load(true, true);

    readonly loadMore = (): void => {
        const { loading, hasMore } = this.get();
        if (hasMore && !loading) {
            void this.#load(false, true);
        }
    };

    async #load(anew: boolean, mark: boolean): Promise<void> {
        const reading = ++this.#reading;
        this.#meanwhile = [];
        this.set({ ...this.get(), loading: true });
        try {
            const page = await this.read(this.get().items, anew, mark);
            if (reading === this.#reading) {
                let items = this.join(anew ? [] : this.get().items, page);
                let again = false;
                for (const named of this.uncovered(items, this.#meanwhile)) {
                    const next = this.apply(items, named);
                    again ||= !next;
                    items = next ?? items;
                }
                this.set({ items, loading: false, error: null, hasMore: page.length > 0 && page.length % PAGE === 0 });
                if (again) {
                    void this.#load(true, false);
                }
            }
        } catch (error) {
            if (reading === this.#reading) {
                this.set({ ...this.get(), loading: false, error: error as WhispError });
            }
        }
    }

    #happened(named: Named): void {
        if (!this.isMine(named)) {
            return;
        }
        const now = this.get();
        const items = this.apply(now.items, named);
        if (now.loading) {
            this.#meanwhile.push(named);
        }
        if (!items) {
            void (now.loading || this.#load(true, false));
        } else if (items !== now.items) {
            this.set({ ...now, items });
        }
    }
}

export class ChatsStore extends ListStore<Chat> {
    #userId(): string {
        return this.client.getAuth()?.userId ?? '';
    }

    protected isMine(): boolean {
        return true;
    }

    protected apply(chats: Chat[], named: Named): Chat[] | undefined {
        return applyToChats(chats, named, this.#userId());
    }

    /** Anew, as many as are shown: a list does not shrink because something in it has changed. */
    protected async read(shown: Chat[], anew: boolean): Promise<Chat[]> {
        const first = anew ? 0 : Math.floor(shown.length / PAGE);
        const end = anew ? Math.max(1, Math.ceil(shown.length / PAGE)) : first + 1;
        const read: Chat[] = [];
        for (let page = first; page < end && read.length === (page - first) * PAGE; page++) {
            read.push(...(await this.client.getChats(page, PAGE)).chats);
        }
        return read;
    }

    protected join(before: Chat[], page: Chat[]): Chat[] {
        return [...new Map([...before, ...page].map((chat) => [chat.chatId, chat])).values()];
    }
}

export class MessagesStore extends ListStore<Message> {
    #chatId: string;

    constructor(client: WhispClient, chatId: string) {
        super(client);
        this.#chatId = chatId.toLowerCase();
    }

    protected isMine({ name, event }: Named): boolean {
        return name === 'resync' ? event.chats.includes(this.#chatId)
            : 'chatId' in event && event.chatId === this.#chatId;
    }

    protected apply(messages: Message[], named: Named): Message[] {
        return applyToMessages(messages, named);
    }

    protected override uncovered(messages: Message[], events: Named[]): Named[] {
        return newerThan(messages, events);
    }

    protected async read(shown: Message[], anew: boolean, mark: boolean): Promise<Message[]> {
        const before = anew ? undefined : shown[0]?.messageId;
        const options = mark && !isHidden() ? undefined : { mark: false };
        return (await this.client.getMessages(this.#chatId, PAGE, before, options)).messages;
    }

    protected join(before: Message[], page: Message[]): Message[] {
        return [...page.reverse(), ...before];
    }
}

/** Ids of the users who type in a chat now. */
export class TypingStore extends Store<string[]> {
    #chatId: string;
    #timers = new Map<string, ReturnType<typeof setTimeout>>();

    constructor(client: WhispClient, chatId: string) {
        super(client, []);
        this.#chatId = chatId.toLowerCase();
    }

    protected start(): void {
        this.follow('typing', ({ chatId, senderId }) => {
            if (chatId === this.#chatId && senderId !== this.client.getAuth()?.userId) {
                this.#end(senderId);
                this.#timers.set(senderId, setTimeout(() => this.#end(senderId), TYPING_MS));
                this.set([...this.#timers.keys()]);
            }
        });
        for (const name of ['message', 'reply'] as const) {
            this.follow(name, ({ chatId, senderId }) => chatId === this.#chatId && this.#end(senderId));
        }
    }

    protected override stop(): void {
        [...this.#timers.keys()].forEach((userId) => this.#end(userId));
    }

    #end(userId: string): void {
        clearTimeout(this.#timers.get(userId));
        if (this.#timers.delete(userId)) {
            this.set([...this.#timers.keys()]);
        }
    }
}

export type ConnectionStatus = 'connected' | 'reconnecting' | 'disconnected';

export class ConnectionStore extends Store<ConnectionStatus> {
    constructor(client: WhispClient) {
        super(client, client.realtime.connected ? 'connected' : 'disconnected');
    }

    protected start(): void {
        this.set(this.client.realtime.connected ? 'connected' : 'disconnected');
        this.follow('connected', () => this.set('connected'));
        this.follow('reconnecting', () => this.set('reconnecting'));
        this.follow('disconnected', ({ willReconnect }) => this.set(willReconnect ? 'reconnecting' : 'disconnected'));
    }
}
