// The documented realtime surface: listening, and acting. How the connection is kept is Keeper's,
// which actions are under way is Outbox's.

import { Emitter } from './emitter.js';
import type { Environment } from './environment.js';
import { WhispError } from './errors.js';
import type { MessageEvent, MessageRepliedEvent, WhispEventName, WhispEvents } from './events.js';
import type { Auth } from './auth.js';
import type { Http } from './http.js';
import { type ConnectOptions, Keeper } from './keeper.js';
import { named } from './named.js';
import { type Action, Outbox } from './outbox.js';

export interface SendOptions {
    /**
     * Names this message: the same id within 24 hours is the same message, so that a call which may
     * or may not have arrived can be made again. One is made up if there is none.
     */
    clientMessageId?: string;
}

export interface SendMessageRequest extends SendOptions {
    chatId: string;
    message: string;
}

export interface MessageReference {
    chatId: string;
    messageId: string;
}

export interface EditMessageRequest extends MessageReference {
    message: string;
}

export interface ReplyRequest extends MessageReference, SendOptions {
    message: string;
}

export interface ReactionRequest extends MessageReference {
    /** Of 1 to 64 bytes: an emoji. */
    reaction: string;
}

/**
 * Every action returns a promise that settles when the server has stored the change, and rejects
 * with a WhispError when it refuses. It need not be awaited: a rejection that nobody takes becomes
 * the event `error` and nothing else. While the connection is being made (again) actions wait for
 * it; without one (no `connect()`, or after `disconnect()`) they reject with `NOT_CONNECTED`.
 */
export class WhispRealtime {
    #emitter = new Emitter();
    #outbox: Outbox;
    #keeper: Keeper;

    /** @internal Made by WhispClient. */
    constructor(baseUrl: string, http: Http, auth: Auth, impl: unknown, environment: Environment) {
        this.#outbox = new Outbox(environment);
        this.#keeper = new Keeper({
            baseUrl, http, auth, WebSocket: impl, environment,
            outbox: this.#outbox, emitter: this.#emitter,
        });
    }

    /** Whether events are coming now. */
    get connected(): boolean {
        return this.#keeper.connected;
    }

    /**
     * Connects, and from then on keeps connected until `disconnect()`: what the server sent meanwhile
     * comes when the client is back. Resolves when connected. Rejects at once when that cannot be:
     * nobody signed in, no WebSocket, no server, too many users, refused; and after `timeout` (30 s)
     * when the server does not answer. With `retry` it tries until then where trying may help.
     * While it waits to come back, another call tries at once.
     */
    connect(options?: ConnectOptions): Promise<void> {
        return this.#keeper.connect(options);
    }

    /** Disconnects. Actions that the server has not answered reject with `DISCONNECTED`. */
    disconnect(): void {
        this.#keeper.disconnect();
    }

    /**
     * Calls the handler at each such event, once however often it was added. Returns the way to stop
     * that. What a handler throws is reported by `console.error` and stops nothing.
     */
    on<E extends WhispEventName>(event: E, handler: (event: WhispEvents[E]) => void): () => void {
        return this.#emitter.on(event, handler);
    }

    /** Takes back what `on()` did. */
    off<E extends WhispEventName>(event: E, handler: (event: WhispEvents[E]) => void): void {
        this.#emitter.off(event, handler);
    }

    /** Forgets all handlers, or those of one event. */
    removeAllListeners(event?: WhispEventName): void {
        this.#emitter.removeAll(event);
    }

    /** Resolves with the message as everyone gets it. */
    sendMessage(chatId: string, message: string, options?: SendOptions): Promise<MessageEvent>;
    sendMessage(request: SendMessageRequest): Promise<MessageEvent>;
    sendMessage(...args: unknown[]): Promise<MessageEvent> {
        return this.#send('SEND_MSG', args, 'chatId', 'message') as Promise<MessageEvent>;
    }

    /** Answers a message; resolves with the reply as everyone gets it. */
    replyToMessage(chatId: string, messageId: string, message: string, options?: SendOptions): Promise<MessageRepliedEvent>;
    replyToMessage(request: ReplyRequest): Promise<MessageRepliedEvent>;
    replyToMessage(...args: unknown[]): Promise<MessageRepliedEvent> {
        return this.#send('REPLY', args, 'chatId', 'messageId', 'message') as Promise<MessageRepliedEvent>;
    }

    /** Changes the text of one of your messages. */
    editMessage(chatId: string, messageId: string, message: string): Promise<void>;
    editMessage(request: EditMessageRequest): Promise<void>;
    editMessage(...args: unknown[]): Promise<void> {
        return this.#act('EDIT_MSG', args, 'chatId', 'messageId', 'message');
    }

    /** Deletes one of your messages, or any in a chat that you created. */
    deleteMessage(chatId: string, messageId: string): Promise<void>;
    deleteMessage(request: MessageReference): Promise<void>;
    deleteMessage(...args: unknown[]): Promise<void> {
        return this.#act('DELETE_MSG', args, 'chatId', 'messageId');
    }

    /** Tells the others that you type: call it every three seconds while that is so. Never waits. */
    sendTyping(chatId: string): Promise<void>;
    sendTyping(request: { chatId: string }): Promise<void>;
    sendTyping(...args: unknown[]): Promise<void> {
        return this.#act('TYPING', args, 'chatId');
    }

    /** The same reaction again is not a second one. */
    addReaction(chatId: string, messageId: string, reaction: string): Promise<void>;
    addReaction(request: ReactionRequest): Promise<void>;
    addReaction(...args: unknown[]): Promise<void> {
        return this.#act('REACT', args, 'chatId', 'messageId', 'reaction');
    }

    /** Takes a reaction of yours back: `messageId` of the event `reaction`, `reactionId` in history. */
    removeReaction(reactionId: string): Promise<void>;
    removeReaction(request: { reactionId: string }): Promise<void>;
    removeReaction(...args: unknown[]): Promise<void> {
        return this.#act('DELETE_REACT', args, 'reactionId');
    }

    /** Marks everything up to this message as read. The mark only moves forward. */
    markAsRead(chatId: string, messageId: string): Promise<void>;
    markAsRead(request: MessageReference): Promise<void>;
    markAsRead(...args: unknown[]): Promise<void> {
        return this.#act('READ_MSG', args, 'chatId', 'messageId');
    }

    #send(type: Action['type'], args: unknown[], ...names: string[]): Promise<unknown> {
        const [fields, options] = named<string, SendOptions>(args, ...names);
        const { clientMessageId } = options ?? (args[0] as SendOptions);
        return this.#submit({ type, ...fields, clientMessageId });
    }

    #act(type: Action['type'], args: unknown[], ...names: string[]): Promise<void> {
        return this.#submit({ type, ...named<string, never>(args, ...names)[0] }) as Promise<void>;
    }

    #submit(action: Action): Promise<unknown> {
        const result = this.#keeper.active
            ? this.#outbox.add(action)
            : Promise.reject(new WhispError('Not connected: call realtime.connect() first.',
                                            { status: 0, code: 'NOT_CONNECTED', retryable: false }));
        result.catch((error: WhispError) => {
            if (error.code !== 'DISCONNECTED') {
                this.#emitter.emit('error', { error });
            }
        });
        return result;
    }
}

export type Realtime = WhispRealtime;
