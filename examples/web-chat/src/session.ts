// The sign-in: made by this site's backend, which has the API key, and kept in localStorage, so that
// it outlives a reload and all tabs share it.

import type { AuthState, WhispClient } from 'whisp-sdk';

export const STORAGE_KEY = 'whisp-web-chat';

export interface Credentials {
    username: string;
    password: string;
    /** For a new account. */
    email?: string;
}

/** Takes up what an earlier visit left, or forgets what there is if it left nothing. */
export function restoreSession(whisp: WhispClient): void {
    let auth: AuthState | null = null;
    try {
        auth = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? 'null') as AuthState | null;
    } catch {
        // not ours: sign in anew
    }
    whisp.setAuth(auth);
}

/** Keeps the sign-in; null forgets it. */
export function saveSession(auth: AuthState | null): void {
    if (auth) {
        localStorage.setItem(STORAGE_KEY, JSON.stringify(auth));
    } else {
        localStorage.removeItem(STORAGE_KEY);
    }
}

/** Throws an Error with a sentence for the user. */
export async function startSession(whisp: WhispClient, path: '/register' | '/sign-in', credentials: Credentials): Promise<void> {
    const answer = await fetch(path, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(credentials),
    }).catch(() => {
        throw new Error('The chat does not answer. Check your connection.');
    });
    const body = await answer.json() as AuthState & { message: string };
    if (!answer.ok) {
        throw new Error(body.message);
    }
    whisp.setAuth(body);
}
