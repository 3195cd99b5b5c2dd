import { WhispClient, type WhispEventName, type WhispEvents } from '../../src/index.js';
import { Clock } from './clock.js';
import { jwt, Server } from './server.js';

export const CHAT = '00000000-0000-7000-8000-000000000001';
export const ME = '00000000-0000-7000-8000-00000000000a';
export const OTHER = '00000000-0000-7000-8000-00000000000b';

export interface Seen {
    name: WhispEventName;
    event: WhispEvents[WhispEventName];
}

const NAMES: WhispEventName[] = [
    'message', 'messageEdited', 'messageDeleted', 'reply', 'typing', 'reaction', 'reactionDeleted',
    'messageRead', 'userJoined', 'userLeft', 'chatCreated', 'chatDeleted', 'chatRenamed', 'presence',
    'resync', 'resumed', 'connected', 'disconnected', 'reconnecting', 'error',
];

export interface Scene {
    clock: Clock;
    server: Server;
    client: WhispClient;
    /** Every event that the client gave, in order. */
    seen: Seen[];
    events<E extends WhispEventName>(name: E): Array<WhispEvents[E]>;
}

/** A client of a server in memory, signed in with a JWT of 15 minutes. */
export function scene({ apiKey, signedIn = true }: { apiKey?: string; signedIn?: boolean } = {}): Scene {
    const clock = new Clock();
    const server = new Server();
    const client = new WhispClient({ baseUrl: 'http://chat.test', apiKey, webSocketImpl: server.WebSocket },
                                   { ...clock, fetch: server.fetch });
    if (signedIn) {
        const now = clock.now() / 1000;
        client.setAuth({ jwt: jwt(now, now + 900), refreshToken: 'refresh-token', userId: ME });
    }
    const seen: Seen[] = [];
    for (const name of NAMES) {
        client.realtime.on(name, (event) => void seen.push({ name, event }));
    }
    return {
        clock, server, client, seen,
        events: <E extends WhispEventName>(name: E) => seen.filter((one) => one.name === name)
            .map(({ event }) => event as WhispEvents[E]),
    };
}

let counter = 0;

/** A SEND_MSG event as the server would send it. */
export function messageEvent(seq: number, more: object = {}): { eventId: string; [field: string]: unknown } {
    return {
        type: 'SEND_MSG', timeStamp: '2026-01-01T00:00:00.000Z', chatId: CHAT, message: `text ${seq}`,
        messageId: `message-${++counter}`, recipientId: ME, senderId: OTHER, eventId: `e${seq}`, seq, ...more,
    };
}
