// What this browser keeps of a user: drafts, messages that wait, notices. One entry a thing, so that
// two tabs do not overwrite each other's.

const PREFIX = 'whisp-web-chat/';

const keyOf = (userId: string, name: string): string => `${PREFIX}${userId}/${name}`;

/** Null: there is none, or it cannot be read. */
export function readStored<T>(userId: string, name: string): T | null {
    try {
        return JSON.parse(localStorage.getItem(keyOf(userId, name)) ?? 'null') as T | null;
    } catch {
        return null;
    }
}

/** Every entry whose name begins so. */
export function allStored<T>(userId: string, name: string): T[] {
    const prefix = keyOf(userId, name);
    return Object.keys(localStorage).filter((key) => key.startsWith(prefix))
        .map((key) => readStored<T>(userId, key.slice(keyOf(userId, '').length)))
        .filter((value) => value !== null);
}

/** Null forgets it. */
export function store(userId: string, name: string, value: unknown): void {
    try {
        if (value === null) {
            localStorage.removeItem(keyOf(userId, name));
        } else {
            localStorage.setItem(keyOf(userId, name), JSON.stringify(value));
        }
    } catch {
        // no room: what is on the screen goes on, and a reload forgets it
    }
}

/** Forgets all of it: nobody who signs in here next reads it. */
export function forgetStored(userId: string): void {
    Object.keys(localStorage).filter((key) => key.startsWith(keyOf(userId, '')))
        .forEach((key) => localStorage.removeItem(key));
}

/** Calls back when another tab changes an entry whose name begins so: with its name, and null when it is gone. */
export function onStored(userId: string, name: string, changed: (name: string, value: string | null) => void): () => void {
    const listener = ({ key, newValue }: StorageEvent): void => {
        if (key?.startsWith(keyOf(userId, name))) {
            changed(key.slice(keyOf(userId, '').length), newValue);
        }
    };
    addEventListener('storage', listener);
    return () => removeEventListener('storage', listener);
}
