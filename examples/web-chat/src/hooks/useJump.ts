import { useEffect, useState } from 'react';
import type { useMessages } from 'whisp-sdk/react';

const MARKED_MS = 1_600;

export const elementId = (messageId: string): string => `message-${messageId}`;

/** Goes to a message, reading older ones until it is there, and marks it for a moment. */
export function useJump(list: ReturnType<typeof useMessages>): { marked: string | null; jumpTo(messageId: string): void } {
    const [target, setTarget] = useState<string | null>(null);
    const [marked, setMarked] = useState<string | null>(null);

    useEffect(() => {
        if (target === null) {
            return;
        }
        const element = document.getElementById(elementId(target));
        if (element) {
            element.scrollIntoView({ block: 'center' });
            element.focus({ preventScroll: true });
            setMarked(target);
            setTarget(null);
        } else if (list.error || (!list.loading && !list.hasMore)) {
            setTarget(null);
        } else {
            list.loadMore();
        }
    }, [target, list]);

    useEffect(() => {
        const timer = setTimeout(() => setMarked(null), MARKED_MS);
        return () => clearTimeout(timer);
    }, [marked]);

    return { marked, jumpTo: setTarget };
}
