import { useEffect, useRef, useState } from 'react';
import type { ChatUser, WhispClient } from 'whisp-sdk';

export interface Members {
    /** Null until they are read. */
    members: ChatUser[] | null;
    nameOf(userId: string): string;
}

/** Who is in a chat and how far they have read, kept up to date. */
export function useMembers(whisp: WhispClient, chatId: string): Members {
    const [members, setMembers] = useState<ChatUser[] | null>(null);
    const names = useRef(new Map<string, string>()); // of those who left, too

    useEffect(() => {
        const abort = new AbortController();
        const read = (): void => void whisp.getChatUsers(chatId, { signal: abort.signal }).then(({ users }) => {
            users.forEach(({ userId, username }) => names.current.set(userId, username));
            setMembers(users);
        }, () => undefined); // what the messages say about the same trouble is enough
        const change = (how: (users: ChatUser[]) => ChatUser[]): void => setMembers((users) => users && how(users));
        read();

        const { realtime } = whisp;
        const unsubscribe = [
            realtime.on('connected', ({ reconnected }) => !reconnected && read()),
            realtime.on('resync', ({ chats }) => chats.includes(chatId) && read()),
            realtime.on('userJoined', (event) => event.chatId === chatId && read()),
            realtime.on('userLeft', (event) => event.chatId === chatId &&
                change((users) => users.filter(({ userId }) => userId !== event.senderId))),
            realtime.on('messageRead', (event) => event.chatId === chatId &&
                change((users) => users.map((user) => (user.userId === event.senderId
                    ? { ...user, lastSeenMessage: event.messageId } : user)))),
        ];
        return () => {
            abort.abort();
            unsubscribe.forEach((stop) => stop());
        };
    }, [whisp, chatId]);

    return { members, nameOf: (userId) => names.current.get(userId) ?? (members ? 'Someone who left' : '…') };
}
