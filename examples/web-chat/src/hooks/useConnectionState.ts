import { useEffect, useState } from 'react';
import type { WhispClient } from 'whisp-sdk';
import { useConnection } from 'whisp-sdk/react';

const BACK_MS = 3_000;

export type ConnectionState =
    | { kind: 'fine' | 'offline' | 'back' | 'ended' }
    | { kind: 'waiting'; seconds: number };

/** The connection, as the banner tells it. */
export function useConnectionState(whisp: WhispClient): ConnectionState {
    const status = useConnection(whisp);
    const [retryAt, setRetryAt] = useState(0);
    const [ended, setEnded] = useState(false);
    const [back, setBack] = useState(false);
    const [now, setNow] = useState(Date.now);

    useEffect(() => {
        const { realtime } = whisp;
        const unsubscribe = [
            realtime.on('reconnecting', ({ delay }) => {
                setRetryAt(Date.now() + delay);
                setNow(Date.now());
            }),
            realtime.on('disconnected', ({ willReconnect }) => setEnded(!willReconnect)),
            realtime.on('connected', ({ reconnected }) => {
                setEnded(false);
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
        return navigator.onLine ? { kind: 'waiting', seconds: Math.max(0, Math.ceil((retryAt - now) / 1000)) }
            : { kind: 'offline' };
    }
    return { kind: ended ? 'ended' : back ? 'back' : 'fine' };
}
