import { useMemo } from 'react';
import { readStored, store } from '../stored';

/** An edit that the server refused: the text that would be lost. */
export interface RefusedEdit {
    messageId: string;
    text: string;
    why: string;
}

/** What was written and not sent, by chat. Outlives a reload. */
export interface Drafts {
    textOf(chatId: string): string;
    keepText(chatId: string, text: string): void;
    editOf(chatId: string): RefusedEdit | null;
    keepEdit(chatId: string, edit: RefusedEdit | null): void;
}

export function useDrafts(userId: string): Drafts {
    return useMemo(() => ({
        textOf: (chatId) => readStored<string>(userId, `draft/${chatId}`) ?? '',
        keepText: (chatId, text) => store(userId, `draft/${chatId}`, text || null),
        editOf: (chatId) => readStored<RefusedEdit>(userId, `edit/${chatId}`),
        keepEdit: (chatId, edit) => store(userId, `edit/${chatId}`, edit),
    }), [userId]);
}
