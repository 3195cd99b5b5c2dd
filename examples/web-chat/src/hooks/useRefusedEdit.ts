import { useState } from 'react';
import type { WhispClient } from 'whisp-sdk';
import type { Drafts, RefusedEdit } from './useDrafts';

/** Saves edits, and keeps the text of one that the server refused until the user has decided. */
export function useRefusedEdit(whisp: WhispClient, chatId: string, drafts: Drafts): {
    refused: RefusedEdit | null;
    save(messageId: string, text: string): void;
    discard(): void;
} {
    const [refused, setRefused] = useState(() => drafts.editOf(chatId));

    function save(messageId: string, text: string): void {
        const isLatest = (): boolean => drafts.editOf(chatId)?.text === text;
        drafts.keepEdit(chatId, { messageId, text, why: 'The page was closed before.' });
        whisp.realtime.editMessage(chatId, messageId, text).then(
            () => isLatest() && drafts.keepEdit(chatId, null),
            ({ message: why }: Error) => {
                drafts.keepEdit(chatId, { messageId, text, why });
                setRefused({ messageId, text, why });
            });
    }

    function discard(): void {
        drafts.keepEdit(chatId, null);
        setRefused(null);
    }

    return { refused, save, discard };
}
