import { useEffect, useState } from 'react';
import type { WhispClient } from 'whisp-sdk';
import { restoreSession, saveSession, STORAGE_KEY } from '../session';

/** The id of who is signed in, or null. Keeps the stored sign-in up to date, and follows other tabs. */
export function useSession(whisp: WhispClient): { userId: string | null; check(): void } {
    const [userId, setUserId] = useState<string | null>(() => {
        restoreSession(whisp);
        return whisp.getAuth()?.userId ?? null;
    });
    const check = (): void => {
        saveSession(whisp);
        setUserId(whisp.getAuth()?.userId ?? null);
    };

    useEffect(() => {
        const stored = (event: StorageEvent): void => {
            if (event.key === STORAGE_KEY || event.key === null) {
                restoreSession(whisp);
                setUserId(whisp.getAuth()?.userId ?? null);
            }
        };
        const ended = ({ willReconnect }: { willReconnect: boolean }): void => {
            // Signed out elsewhere, perhaps: when the renewal is refused, the sign-in is over.
            if (!willReconnect && whisp.isAuthenticated) {
                whisp.refresh().catch(() => undefined).finally(check);
            }
        };
        const unsubscribe = [
            whisp.realtime.on('connected', check),
            whisp.realtime.on('error', check),
            whisp.realtime.on('disconnected', ended),
        ];
        addEventListener('storage', stored);
        addEventListener('pagehide', check);
        return () => {
            unsubscribe.forEach((stop) => stop());
            removeEventListener('storage', stored);
            removeEventListener('pagehide', check);
        };
    }, [whisp]);

    return { userId, check };
}
