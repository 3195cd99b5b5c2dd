// Hooks for React 18 and newer. Each looks at the client that it is given and keeps itself up to
// date; components that ask for the same share one store. Connecting is the app's business.

import { useSyncExternalStore } from 'react';
import type { WhispClient } from '../client.js';
import type { WhispError } from '../errors.js';
import type { Chat, Message } from '../types.js';
import {
    ChatsStore, ConnectionStore, type ConnectionStatus, MessagesStore, type Store, TypingStore,
} from './stores.js';

interface Stores {
    userId: string | undefined;
    byKey: Map<string, unknown>;
}

const stores = new WeakMap<WhispClient, Stores>();

/** Whoever signs in next on this client sees nothing of the user before. */
function storeOf<S>(client: WhispClient, key: string, make: () => S): S {
    const userId = client.getAuth()?.userId;
    let ofClient = stores.get(client);
    if (!ofClient || ofClient.userId !== userId) {
        ofClient = { userId, byKey: new Map() };
        stores.set(client, ofClient);
    }
    const store = (ofClient.byKey.get(key) as S | undefined) ?? make();
    ofClient.byKey.set(key, store);
    return store;
}

function useStore<T>(store: Store<T>): T {
    return useSyncExternalStore(store.subscribe, store.get, store.get);
}

/** What both lists have. */
export interface ListState {
    loading: boolean;
    /** Why it could not be read; `reload()` tries again. */
    error: WhispError | null;
    hasMore: boolean;
    reload(): void;
    /** Reads the next page; nothing happens while one is read or when all is there. */
    loadMore(): void;
}

/** Your chats, those with the latest activity first. */
export function useChats(client: WhispClient): ListState & { chats: Chat[] } {
    const store = storeOf(client, 'chats', () => new ChatsStore(client));
    const { items, ...rest } = useStore(store);
    return { chats: items, ...rest, reload: store.reload, loadMore: store.loadMore };
}

/** The messages of a chat, oldest first; `loadMore()` puts older ones before them. */
export function useMessages(client: WhispClient, chatId: string): ListState & { messages: Message[] } {
    const store = storeOf(client, `messages ${chatId}`, () => new MessagesStore(client, chatId));
    const { items, ...rest } = useStore(store);
    return { messages: items, ...rest, reload: store.reload, loadMore: store.loadMore };
}

/** Ids of the other users who are typing in a chat. */
export function useTyping(client: WhispClient, chatId: string): string[] {
    return useStore(storeOf(client, `typing ${chatId}`, () => new TypingStore(client, chatId)));
}

export function useConnection(client: WhispClient): ConnectionStatus {
    return useStore(storeOf(client, 'connection', () => new ConnectionStore(client)));
}

export type { ConnectionStatus };
