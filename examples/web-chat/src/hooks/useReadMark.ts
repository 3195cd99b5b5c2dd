import { useEffect, useRef } from 'react';
import type { Message, WhispClient } from 'whisp-sdk';

/** Tells the others how far we have read, when `looking`: the newest message is in sight and in focus. */
export function useReadMark(whisp: WhispClient, messages: Message[], myId: string, looking: boolean): void {
    const newest = messages.findLast(({ senderId }) => senderId !== myId);
    const marked = useRef<string | null>(null);
    useEffect(() => {
        if (looking && newest && marked.current !== newest.messageId) {
            marked.current = newest.messageId;
            whisp.realtime.markAsRead(newest.chatId, newest.messageId).catch(() => {
                marked.current = null; // with the next message, again
            });
        }
    }, [whisp, newest, looking]);
}
