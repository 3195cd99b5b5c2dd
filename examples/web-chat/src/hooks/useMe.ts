import { useEffect, useState } from 'react';
import type { WhispClient } from 'whisp-sdk';
import type { Me } from '../whisp';

/** Who is signed in; null until the server has said the name. */
export function useMe(whisp: WhispClient, userId: string): Me | null {
    const [me, setMe] = useState<Me | null>(null);
    useEffect(() => {
        const abort = new AbortController();
        const read = (): void => void whisp.getUser({ signal: abort.signal }).then(
            ({ id, username }) => setMe({ userId: id, username }), () => undefined);
        read();
        const unsubscribe = whisp.realtime.on('connected', read);
        return () => {
            unsubscribe();
            abort.abort();
        };
    }, [whisp, userId]);
    return me?.userId === userId ? me : null;
}
