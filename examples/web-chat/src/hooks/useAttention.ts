import { useSyncExternalStore } from 'react';

const EVENTS = ['focus', 'blur', 'visibilitychange'];

function subscribe(listener: () => void): () => void {
    EVENTS.forEach((name) => addEventListener(name, listener));
    return () => EVENTS.forEach((name) => removeEventListener(name, listener));
}

/** Whether the user can be looking: the page is visible, and its window has the focus. */
export function useAttention(): boolean {
    return useSyncExternalStore(subscribe, () => document.visibilityState === 'visible' && document.hasFocus());
}
