// The client and the user, for every component that asks.

import { createContext, useContext } from 'react';
import { type HistoryOptions, type MessagesPage, WhispClient } from 'whisp-sdk';

/** What is read from history need not have been in sight: useReadMark says what was. */
export class ChatClient extends WhispClient {
    override getMessages(chatId: string, size?: number, before?: string, options?: HistoryOptions): Promise<MessagesPage> {
        return super.getMessages(chatId, size, before, { mark: false, ...options });
    }
}

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
