import { useCallback, useEffect, useState } from 'react';
import type { Chat, ChatUser, Message, WhispClient } from 'whisp-sdk';
import { useConnection, type useMessages } from 'whisp-sdk/react';

/** So far back the first unread message is looked for, in messages. */
const MAX_READ = 1_000;

export interface UnreadLine {
    /** The first message that was unread when the chat was opened. */
    before: string | null;
    /** Known, or there is none: from now on the list is where it should be. */
    settled: boolean;
    clear(): void;
}

/** Where the unread messages begin: after the one that we have read last. Reads back as far as that. */
export function useUnreadLine(whisp: WhispClient, chat: Chat, list: ReturnType<typeof useMessages>,
                              members: ChatUser[] | null, myId: string): UnreadLine {
    const [line, setLine] = useState<{ before: string | null } | null>(() => (chat.unreadCount > 0 ? null : { before: null }));
    const status = useConnection(whisp);
    const { messages, loading, hasMore, error, loadMore } = list;

    useEffect(() => {
        // The first connection reads the list anew.
        if (line || loading || (status === 'disconnected' && !error)) {
            return;
        }
        if (error) {
            setLine({ before: null });
        } else if (members) {
            const mark = members.find(({ userId }) => userId === myId)?.lastSeenMessage;
            const marked = messages.findIndex(({ messageId }) => messageId === mark);
            if (marked < 0 && hasMore && messages.length < MAX_READ) {
                loadMore();
            } else {
                setLine({ before: firstOfOthers(messages.slice(marked + 1), myId) });
            }
        }
    }, [line, messages, loading, hasMore, error, loadMore, members, myId, status]);

    const clear = useCallback(() => setLine({ before: null }), []);
    return { before: line?.before ?? null, settled: line !== null, clear };
}

function firstOfOthers(messages: Message[], myId: string): string | null {
    return messages.find(({ senderId }) => senderId !== myId)?.messageId ?? null;
}
