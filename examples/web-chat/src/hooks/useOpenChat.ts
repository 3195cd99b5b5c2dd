import { useSyncExternalStore } from 'react';

function subscribe(listener: () => void): () => void {
    addEventListener('hashchange', listener);
    return () => removeEventListener('hashchange', listener);
}

/** The chat that is shown, in the URL, so that a reload and the back button do what they should. */
export function useOpenChat(): string | null {
    return useSyncExternalStore(subscribe, () => location.hash.slice(1) || null);
}

export function openChat(chatId: string | null): void {
    location.hash = chatId ?? '';
}
