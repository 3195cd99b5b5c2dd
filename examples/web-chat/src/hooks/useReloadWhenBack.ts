import { useEffect } from 'react';
import type { WhispClient } from 'whisp-sdk';

/** What could not be read without a connection is read when there is one. */
export function useReloadWhenBack(whisp: WhispClient, { error, reload }: { error: unknown; reload(): void }): void {
    useEffect(() => {
        if (!error) {
            return undefined;
        }
        return whisp.realtime.on('connected', () => reload());
    }, [whisp, error, reload]);
}
