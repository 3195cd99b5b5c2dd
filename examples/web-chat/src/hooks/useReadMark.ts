import { type RefObject, useEffect, useRef, useState } from 'react';
import type { Message, WhispClient } from 'whisp-sdk';
import { elementId } from './useJump';

/** While one scrolls through what is unread, so often at most. */
const EVERY_MS = 500;

/**
 * Tells the others how far we have read: as far as the newest of their messages that has been in
 * sight in `box`, while `looking`: the page has the focus, and the list is where it should be.
 */
export function useReadMark(whisp: WhispClient, box: RefObject<HTMLElement | null>, messages: Message[],
                            myId: string, looking: boolean): void {
    const [sighted, setSighted] = useState<Message | null>(null);
    const marked = useRef<string | null>(null);
    const markedAt = useRef(0);

    useEffect(() => {
        if (!looking) {
            return undefined;
        }
        const order = new Map(messages.map(({ messageId }, i) => [messageId, i]));
        const placeOf = (messageId: string | undefined): number => order.get(messageId ?? '') ?? -1;
        const watching = new IntersectionObserver((entries) => {
            const places = entries.filter(({ isIntersecting }) => isIntersecting)
                .map(({ target }) => placeOf((target as HTMLElement).dataset.messageId));
            const newest = messages[Math.max(-1, ...places)];
            setSighted((before) => (newest && placeOf(newest.messageId) > placeOf(before?.messageId) ? newest : before));
        }, { root: box.current });
        for (const { messageId } of messages.slice(placeOf(sighted?.messageId) + 1).filter(({ senderId }) => senderId !== myId)) {
            const element = document.getElementById(elementId(messageId));
            if (element) {
                watching.observe(element);
            }
        }
        return () => watching.disconnect();
    }, [box, messages, myId, looking]);

    useEffect(() => {
        if (!looking || !sighted || marked.current === sighted.messageId) {
            return undefined;
        }
        const timer = setTimeout(() => {
            marked.current = sighted.messageId;
            markedAt.current = Date.now();
            whisp.realtime.markAsRead(sighted.chatId, sighted.messageId).catch(() => {
                marked.current = null; // with the next message, again
            });
        }, Math.max(0, markedAt.current + EVERY_MS - Date.now()));
        return () => clearTimeout(timer);
    }, [whisp, sighted, looking]);
}
