import { useEffect, useState } from 'react';
import type { WhispClient } from 'whisp-sdk';
import { restoreSession, saveSession, STORAGE_KEY } from '../session';

/** The id of who is signed in, or null. Keeps the stored sign-in up to date, and follows other tabs. */
export function useSession(whisp: WhispClient): string | null {
    const [userId, setUserId] = useState<string | null>(() => {
        restoreSession(whisp);
        return whisp.getAuth()?.userId ?? null;
    });

    useEffect(() => {
        const unsubscribe = whisp.onAuthChange((auth) => {
            saveSession(auth);
            setUserId(auth?.userId ?? null);
        });
        const stored = ({ key }: StorageEvent): void => {
            if (key === STORAGE_KEY || key === null) {
                restoreSession(whisp);
            }
        };
        addEventListener('storage', stored);
        return () => {
            unsubscribe();
            removeEventListener('storage', stored);
        };
    }, [whisp]);

    return userId;
}
