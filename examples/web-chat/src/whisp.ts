// The client and the user, for every component that asks.

import { createContext, useContext } from 'react';
import type { WhispClient } from 'whisp-sdk';

export interface Me {
    userId: string;
    username: string;
}

export const WhispContext = createContext<{ whisp: WhispClient; me: Me } | null>(null);

export function useWhisp(): { whisp: WhispClient; me: Me } {
    const found = useContext(WhispContext);
    if (!found) {
        throw new Error('useWhisp() is for components inside of <WhispContext>.');
    }
    return found;
}
