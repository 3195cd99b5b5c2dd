import { useEffect, useRef, useState } from 'react';
import type { Chat, WhispClient } from 'whisp-sdk';

/** Between two questions, in ms: a long list does not use up what a user may ask. */
const PAUSE_MS = 50;

export interface LastSender {
    /** Of the message with this time. */
    at: string;
    userId: string;
    username: string;
}

/** Who has sent the last message of each chat; asked one after the other, those at the top first. */
export function useLastSenders(whisp: WhispClient, chats: Chat[]): ReadonlyMap<string, LastSender> {
    const [senders, setSenders] = useState<ReadonlyMap<string, LastSender>>(new Map());
    const asked = useRef(new Set<string>());
    const next = chats.find(({ chatId, lastMessageTimestamp: at }) => at !== null &&
        senders.get(chatId)?.at !== at && !asked.current.has(`${chatId} ${at}`));

    useEffect(() => {
        if (!next) {
            return undefined;
        }
        const { chatId, lastMessageTimestamp } = next;
        const at = lastMessageTimestamp as string;
        const timer = setTimeout(() => {
            asked.current.add(`${chatId} ${at}`);
            whisp.getMessages(chatId, 1).then(({ messages: [message] }) =>
                setSenders((all) => new Map(all).set(chatId, {
                    at, userId: message?.senderId ?? '', username: message?.senderName ?? '' })),
            () => setSenders((all) => new Map(all))); // without a connection, the next one asks again
        }, PAUSE_MS);
        return () => clearTimeout(timer);
    }, [whisp, next?.chatId, next?.lastMessageTimestamp]);

    useEffect(() => whisp.realtime.on('connected', () => {
        asked.current.clear();
        setSenders((all) => new Map(all));
    }), [whisp]);

    return senders;
}
