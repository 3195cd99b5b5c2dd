import { useEffect, useRef, useState } from 'react';
import type { Chat, WhispClient } from 'whisp-sdk';

/** The chats that we leave or delete here ourselves: nobody has to tell us. */
const ending = new Set<string>();

export async function endChat(chatId: string, work: () => Promise<unknown>): Promise<void> {
    ending.add(chatId);
    try {
        await work();
    } catch (error) {
        ending.delete(chatId);
        throw error;
    }
}

/** A sentence about the chat that we were removed from, or that was deleted, until it is closed. */
export function useEndedChats(whisp: WhispClient, userId: string, chats: Chat[],
                              titleOf: (chat: Chat) => string): { ended: string | null; close(): void } {
    const [ended, setEnded] = useState<string | null>(null);
    const titles = useRef(new Map<string, string>());
    chats.forEach((chat) => titles.current.set(chat.chatId, titleOf(chat)));

    useEffect(() => {
        const say = (chatId: string, sentence: (title: string) => string): void => {
            const title = titles.current.get(chatId);
            if (title !== undefined && !ending.delete(chatId)) {
                setEnded(sentence(title));
            }
        };
        const unsubscribe = [
            whisp.realtime.on('userLeft', ({ chatId, senderId }) => senderId === userId &&
                say(chatId, (title) => `You are not in “${title}” any more.`)),
            whisp.realtime.on('chatDeleted', ({ chatId }) => say(chatId, (title) => `“${title}” was deleted.`)),
        ];
        return () => unsubscribe.forEach((stop) => stop());
    }, [whisp, userId]);

    return { ended, close: () => setEnded(null) };
}
