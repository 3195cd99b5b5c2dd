import { useCallback, useRef } from 'react';
import type { WhispClient } from 'whisp-sdk';

/** The server passes on one in so many milliseconds. */
const EVERY_MS = 3_000;

/** To be called at each change of the text. */
export function useTypingSignal(whisp: WhispClient, chatId: string): () => void {
    const last = useRef(0);
    return useCallback(() => {
        if (Date.now() - last.current >= EVERY_MS) {
            last.current = Date.now();
            whisp.realtime.sendTyping(chatId).catch(() => undefined);
        }
    }, [whisp, chatId]);
}
