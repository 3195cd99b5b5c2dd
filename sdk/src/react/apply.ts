// What an event changes in a list. Pure: the same list comes back when it changes nothing.

import type {
    MessageEditedEvent, MessageEvent, ReplyEvent, StoredEvent, WhispEventName, WhispEvents,
} from '../events.js';
import type { Chat, Message, RepliedMessage } from '../types.js';

/** An event with its name, one of a union over the names. */
export type Named = { [N in WhispEventName]: { name: N; event: WhispEvents[N] } }[WhispEventName];

function originalOf({ replyTo }: ReplyEvent): RepliedMessage | null {
    return replyTo.deleted ? null : replyTo;
}

function messageOf(event: MessageEvent | ReplyEvent): Message {
    return {
        chatId: event.chatId, timeStamp: event.timeStamp, messageId: event.messageId,
        senderId: event.senderId, content: event.message, edited: false, editedAt: null,
        replyTo: event.type === 'REPLY' ? originalOf(event) : null, reactions: [],
    };
}

function changed(messages: Message[], messageId: string, change: (message: Message) => Message): Message[] {
    return messages.some((message) => message.messageId === messageId)
        ? messages.map((message) => (message.messageId === messageId ? change(message) : message))
        : messages;
}

/** The message and where it is quoted. */
function edited(messages: Message[], event: MessageEditedEvent): Message[] {
    const change = <T extends RepliedMessage>(message: T): T =>
        ({ ...message, content: event.message, edited: true, editedAt: event.editedAt });
    const isIt = (message: RepliedMessage | null): boolean => message?.messageId === event.messageId;
    return messages.some((message) => isIt(message) || isIt(message.replyTo))
        ? messages.map((message) => (isIt(message) ? change(message)
            : message.replyTo && isIt(message.replyTo) ? { ...message, replyTo: change(message.replyTo) } : message))
        : messages;
}

/** The messages of one chat, oldest first, after an event of it. */
export function applyToMessages(messages: Message[], { name, event }: Named): Message[] {
    switch (name) {
    case 'message':
    case 'reply':
        return event.deleted || messages.some(({ messageId }) => messageId === event.messageId)
            ? messages : [...messages, messageOf(event)];
    case 'messageEdited':
        return event.deleted ? messages : edited(messages, event);
    case 'messageDeleted':
        return messages.filter(({ messageId }) => messageId !== event.messageId)
            .map((message) => (message.replyTo?.messageId === event.messageId
                ? { ...message, replyTo: null } : message));
    case 'reaction':
        return event.deleted ? messages : changed(messages, event.parentMessageId, (message) => ({
            ...message,
            reactions: [...message.reactions.filter(({ reactionId }) => reactionId !== event.messageId), {
                reactionId: event.messageId, chatId: event.chatId, messageId: event.parentMessageId,
                senderId: event.senderId, reaction: event.message, createdAt: event.timeStamp,
            }],
        }));
    case 'reactionDeleted':
        return messages.map((message) => (
            message.reactions.some(({ reactionId }) => reactionId === event.messageId)
                ? { ...message, reactions: message.reactions.filter((r) => r.reactionId !== event.messageId) }
                : message));
    default:
        return messages;
    }
}

function moved(chats: Chat[], chat: Chat): Chat[] {
    return [chat, ...chats.filter(({ chatId }) => chatId !== chat.chatId)];
}

/**
 * The events that a list which was just read does not cover: of its messages those after the newest
 * that it holds. One before it that is not there is older than the page, or deleted.
 */
export function newerThan(messages: Message[], events: Named[]): Named[] {
    const ids = new Set(messages.map(({ messageId }) => messageId));
    const isMessage = ({ name }: Named): boolean => name === 'message' || name === 'reply';
    const covered = events.map((named) => isMessage(named) && ids.has((named.event as MessageEvent).messageId)).lastIndexOf(true);
    return events.filter((named, i) => i > covered || !isMessage(named));
}

/**
 * The list of chats, those with the latest activity first, after an event; undefined when it must
 * be read again. What `lastSeq` covers is counted already.
 */
export function applyToChats(chats: Chat[], { name, event }: Named, userId: string): Chat[] | undefined {
    const chatId = 'chatId' in event ? event.chatId : undefined;
    const chat = chats.find((other) => other.chatId === chatId);
    const { seq } = event as Partial<StoredEvent>;
    if (chat && seq !== undefined && seq <= chat.lastSeq) {
        return chats;
    }
    const lastSeq = seq ?? (chat?.lastSeq as number);
    switch (name) {
    case 'message':
    case 'reply':
        return event.deleted || !chat ? (chat ? chats : undefined) : moved(chats, {
            ...chat, lastSeq, lastMessage: event.message, lastMessageTimestamp: event.timeStamp,
            unreadCount: chat.unreadCount + (event.senderId === userId ? 0 : 1),
        });
    case 'messageEdited':
    case 'messageDeleted':
    case 'chatCreated':
    case 'userJoined':
        return undefined; // the last message or the details of a chat may be others now
    case 'messageRead':
        return event.senderId === userId ? undefined : chats;
    case 'chatRenamed':
        return chats.map((other) => (other === chat ? { ...chat, lastSeq, chatName: event.message } : other));
    case 'chatDeleted':
        return chats.filter((other) => other !== chat);
    case 'userLeft':
        return event.senderId === userId ? chats.filter((other) => other !== chat) : undefined;
    default:
        return chats;
    }
}
