import { useEffect, useRef, useState } from 'react';
import type { ChatUser, Message, WhispClient } from 'whisp-sdk';

/** Then reading is tried again, while there is a connection. */
const AGAIN_MS = 3_000;

export interface Members {
    /** Null until they are read. */
    members: ChatUser[] | null;
    nameOf(userId: string): string;
}

/** Who is in a chat and how far they have read, kept up to date. The messages know who has left. */
export function useMembers(whisp: WhispClient, chatId: string, messages: Message[]): Members {
    const [members, setMembers] = useState<ChatUser[] | null>(null);
    const names = useRef(new Map<string, string>()); // of those who left, too

    useEffect(() => {
        const abort = new AbortController();
        const { realtime } = whisp;
        let hasRead = false;
        let timer: ReturnType<typeof setTimeout> | undefined;
        const read = (): void => {
            clearTimeout(timer);
            whisp.getChatUsers(chatId, { signal: abort.signal }).then(({ users }) => {
                hasRead = true;
                users.forEach(({ userId, username }) => names.current.set(userId, username));
                setMembers(users);
            }, () => { // without a connection, the next one reads them
                if (!abort.signal.aborted && realtime.connected) {
                    timer = setTimeout(read, AGAIN_MS);
                }
            });
        };
        const change = (how: (users: ChatUser[]) => ChatUser[]): void => setMembers((users) => users && how(users));
        read();

        const unsubscribe = [
            realtime.on('connected', ({ reconnected }) => (!reconnected || !hasRead) && read()),
            realtime.on('resync', ({ chats }) => chats.includes(chatId) && read()),
            realtime.on('userJoined', (event) => {
                if (event.chatId === chatId) {
                    names.current.set(event.message, event.username);
                    read();
                }
            }),
            realtime.on('userLeft', (event) => event.chatId === chatId &&
                change((users) => users.filter(({ userId }) => userId !== event.senderId))),
            realtime.on('messageRead', (event) => event.chatId === chatId &&
                change((users) => users.map((user) => (user.userId === event.senderId
                    ? { ...user, lastSeenMessage: event.messageId } : user)))),
            // Who has read as far as a message that is gone: the server knows the one before it.
            realtime.on('messageDeleted', (event) => event.chatId === chatId && read()),
        ];
        return () => {
            abort.abort();
            clearTimeout(timer);
            unsubscribe.forEach((stop) => stop());
        };
    }, [whisp, chatId]);

    for (const { senderId, senderName } of messages) {
        if (senderName !== undefined && !names.current.has(senderId)) {
            names.current.set(senderId, senderName);
        }
    }
    return { members, nameOf: (userId) => names.current.get(userId) ?? (members ? 'Someone who left' : '…') };
}
