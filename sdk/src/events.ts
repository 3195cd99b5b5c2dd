// What the realtime connection brings, by the documented names and fields.

import type { WhispError } from './errors.js';
import type { MessageContent } from './types.js';

/** What every event of a chat has. */
export interface ChatEvent {
    chatId: string;
    /** You. */
    recipientId: string;
    senderId: string;
}

/** What every event that is kept has: an id, and its number in the chat, without a hole. */
export interface StoredEvent extends ChatEvent {
    eventId: string;
    seq: number;
}

export interface MessageEvent extends StoredEvent {
    type: 'SEND_MSG';
    timeStamp: string;
    message: string;
    messageId: string;
    clientMessageId?: string;
    /** The message was deleted since; `message` is empty. Only after a reconnect. */
    deleted?: true;
}

export interface MessageEditedEvent extends StoredEvent {
    type: 'EDIT_MSG';
    message: string;
    messageId: string;
    editedAt: string;
    deleted?: true;
}

export interface MessageDeletedEvent extends StoredEvent {
    type: 'DELETE_MSG';
    messageId: string;
    timeStamp: string;
}

export interface ReplyEvent extends ChatEvent {
    type: 'REPLY';
    messageId: string;
    message: string;
    /** The original as it is now. */
    replyTo: MessageContent;
    timeStamp: string;
    eventId?: string;
    seq?: number;
    clientMessageId?: string;
    deleted?: true;
}

export interface MessageRepliedEvent extends ReplyEvent, StoredEvent {
    eventId: string;
    seq: number;
}

export interface TypingEvent extends ChatEvent {
    type: 'TYPING';
}

export interface ReactionEvent extends StoredEvent {
    type: 'REACT';
    /** The reaction's id, for `removeReaction()`. */
    messageId: string;
    /** The emoji. */
    message: string;
    parentMessageId: string;
    timeStamp: string;
    deleted?: true;
}

export interface ReactionDeletedEvent extends StoredEvent {
    type: 'DELETE_REACT';
    /** The reaction's id. */
    messageId: string;
}

export interface MessageReadEvent extends ChatEvent {
    type: 'READ_MSG';
    /** The last message that `senderId` has read. */
    messageId: string;
}

export interface UserJoinedEvent extends StoredEvent {
    type: 'USER_JOIN';
    /** The new user's id. */
    message: string;
    username: string;
}

export interface UserLeftEvent extends StoredEvent {
    type: 'USER_LEAVE';
    /** For people to read. */
    message: string;
    timeStamp: string;
}

export interface ChatCreatedEvent extends StoredEvent {
    type: 'NEW_CHAT';
    timeStamp: string;
    /** The chat's name. */
    message: string;
}

export interface ChatDeletedEvent extends StoredEvent {
    type: 'DELETE_CHAT';
}

export interface ChatRenamedEvent extends StoredEvent {
    type: 'CHAT_RENAMED';
    /** The new name. */
    message: string;
    timeStamp: string;
}

export interface PresenceEvent {
    type: 'PRESENCE';
    userId: string;
    status: 'ONLINE' | 'OFFLINE';
    lastSeenAt: string | null;
    recipientId: string;
    senderId: string;
}

/** Too much was missed: read these chats again by REST. */
export interface ResyncEvent {
    type: 'RESYNC';
    chats: string[];
}

/** All that was missed has come; not `complete` when a resync was part of it. */
export interface ResumedEvent {
    type: 'RESUMED';
    complete: boolean;
}

/** An action was refused. Reaches you as the action's rejection and as `error`. */
export interface RefusedEvent {
    type: 'ERROR';
    code: string;
    message: string;
    receipt?: string;
    clientMessageId?: string;
    request: { type?: string; chatId?: string; messageId?: string; reactionId?: string };
}

/** Every type of event that the server sends. */
export type ServerEvent =
    | MessageEvent | MessageEditedEvent | MessageDeletedEvent | MessageRepliedEvent | TypingEvent
    | ReactionEvent | ReactionDeletedEvent | MessageReadEvent | UserJoinedEvent | UserLeftEvent
    | ChatCreatedEvent | ChatDeletedEvent | ChatRenamedEvent | PresenceEvent | ResyncEvent
    | ResumedEvent | RefusedEvent;

export interface ConnectedEvent {
    /** This is not the first connection since `connect()`. */
    reconnected: boolean;
}

export interface DisconnectedEvent {
    reason: string;
    /** Whether the client comes back by itself. */
    willReconnect: boolean;
}

export interface ReconnectingEvent {
    /** 1, 2, 3, … since the connection was last good. */
    attempt: number;
    /** Milliseconds until it is tried. */
    delay: number;
}

export interface ErrorEvent {
    error: WhispError;
}

/** The names that `realtime.on()` knows, with what the handler gets. */
export interface WhispEvents {
    message: MessageEvent;
    messageEdited: MessageEditedEvent;
    messageDeleted: MessageDeletedEvent;
    reply: MessageRepliedEvent;
    typing: TypingEvent;
    reaction: ReactionEvent;
    reactionDeleted: ReactionDeletedEvent;
    messageRead: MessageReadEvent;
    userJoined: UserJoinedEvent;
    userLeft: UserLeftEvent;
    chatCreated: ChatCreatedEvent;
    chatDeleted: ChatDeletedEvent;
    chatRenamed: ChatRenamedEvent;
    presence: PresenceEvent;
    resync: ResyncEvent;
    resumed: ResumedEvent;
    connected: ConnectedEvent;
    disconnected: DisconnectedEvent;
    reconnecting: ReconnectingEvent;
    error: ErrorEvent;
}

export type WhispEventName = keyof WhispEvents;

/** The names of the events that are passed on as they come. */
export const EVENT_NAMES = {
    SEND_MSG: 'message',
    EDIT_MSG: 'messageEdited',
    DELETE_MSG: 'messageDeleted',
    REPLY: 'reply',
    TYPING: 'typing',
    REACT: 'reaction',
    DELETE_REACT: 'reactionDeleted',
    READ_MSG: 'messageRead',
    USER_JOIN: 'userJoined',
    USER_LEAVE: 'userLeft',
    NEW_CHAT: 'chatCreated',
    DELETE_CHAT: 'chatDeleted',
    CHAT_RENAMED: 'chatRenamed',
    PRESENCE: 'presence',
} as const satisfies Partial<Record<ServerEvent['type'], WhispEventName>>;
