import { useEffect, useState } from 'react';
import type { WhispClient, WhispError } from 'whisp-sdk';
import { useConnection } from 'whisp-sdk/react';

const BACK_MS = 3_000;

export type ConnectionState =
    | { kind: 'fine' | 'offline' | 'back' | 'ended' }
    /** `why` is what the server said, if it said no; else there was no connection. */
    | { kind: 'waiting'; seconds: number; why: string | null };

/** In words for the people who chat; other refusals have the server's. */
const WHY: Record<string, string> = {
    CONCURRENT_USER_LIMIT: 'This chat is full right now: nobody more can connect.',
    APP_SUSPENDED: 'This chat is switched off for now.',
};

function whyOf({ status, code, message }: WhispError): string | null {
    return WHY[code ?? ''] ?? (status === 429 || status === 403 ? message : null);
}

/** The connection, as the banner tells it. */
export function useConnectionState(whisp: WhispClient): ConnectionState {
    const status = useConnection(whisp);
    const [retryAt, setRetryAt] = useState(0);
    const [why, setWhy] = useState<string | null>(null);
    const [ended, setEnded] = useState(false);
    const [back, setBack] = useState(false);
    const [now, setNow] = useState(Date.now);

    useEffect(() => {
        const { realtime } = whisp;
        const unsubscribe = [
            // Of actions, too, while there is a connection: those say themselves what was wrong.
            realtime.on('error', ({ error }) => !realtime.connected && setWhy(whyOf(error))),
            realtime.on('reconnecting', ({ delay }) => {
                setRetryAt(Date.now() + delay);
                setNow(Date.now());
            }),
            realtime.on('disconnected', ({ willReconnect }) => setEnded(!willReconnect)),
            realtime.on('connected', ({ reconnected }) => {
                setEnded(false);
                setWhy(null);
                setBack(reconnected);
            }),
        ];
        return () => unsubscribe.forEach((stop) => stop());
    }, [whisp]);

    useEffect(() => {
        if (status === 'reconnecting') {
            const timer = setInterval(() => setNow(Date.now()), 250);
            return () => clearInterval(timer);
        }
        if (back) {
            const timer = setTimeout(() => setBack(false), BACK_MS);
            return () => clearTimeout(timer);
        }
        return undefined;
    }, [status, back]);

    if (status === 'reconnecting') {
        return navigator.onLine ? { kind: 'waiting', seconds: Math.max(0, Math.ceil((retryAt - now) / 1000)), why }
            : { kind: 'offline' };
    }
    return { kind: ended ? 'ended' : back ? 'back' : 'fine' };
}
