import { useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import type { Chat } from 'whisp-sdk';
import type { useMessages } from 'whisp-sdk/react';
import { useAttention } from '../hooks/useAttention';
import { useHistoryScroll } from '../hooks/useHistoryScroll';
import { useJump } from '../hooks/useJump';
import type { Members } from '../hooks/useMembers';
import type { Notice } from '../hooks/useNotices';
import type { Outbox } from '../hooks/useOutgoing';
import { useReadMark } from '../hooks/useReadMark';
import { useUnreadLine } from '../hooks/useUnreadLine';
import { useWhisp } from '../whisp';
import type { MessageCommands } from './ChatView';
import { HistoryEmpty } from './HistoryEmpty';
import { HistoryTop } from './HistoryTop';
import { Icon } from './Icon';
import { MessageRows } from './MessageRows';
import { MessagesSkeleton } from './MessagesSkeleton';

interface Props {
    chat: Chat;
    list: ReturnType<typeof useMessages>;
    people: Members;
    outbox: Outbox;
    notices: Notice[];
    commands: MessageCommands;
    onCaughtUp(caughtUp: boolean): void;
}

export function MessageList({ chat, list, people, outbox, notices, commands, onCaughtUp }: Props) {
    const { whisp, me } = useWhisp();
    const { messages, loading } = list;
    const box = useRef<HTMLDivElement>(null);
    const outgoing = useMemo(() => outbox.outgoing.filter(({ chatId }) => chatId === chat.chatId), [outbox.outgoing, chat.chatId]);
    const unread = useUnreadLine(whisp, chat, list, people.members, me.userId);
    const { atEnd, toEnd, show } = useHistoryScroll(box, messages[0]?.messageId);
    const { marked, jumpTo } = useJump(list);
    const attention = useAttention();
    useReadMark(whisp, box, messages, me.userId, attention && unread.settled);

    useLayoutEffect(() => {
        const line = box.current?.querySelector<HTMLElement>('.unread-line');
        if (unread.settled && line) {
            show(line);
        }
    }, [unread.settled, show]);

    // One's own newest message is always shown, and whoever writes has read.
    const newest = outgoing.at(-1)?.id;
    const before = useRef(newest);
    useEffect(() => {
        if (newest !== undefined && newest !== before.current) {
            unread.clear();
            toEnd();
        }
        before.current = newest;
    }, [newest, unread.clear, toEnd]);
    const caughtUp = atEnd && unread.settled;
    useEffect(() => onCaughtUp(caughtUp), [onCaughtUp, caughtUp]);

    const isEmpty = messages.length === 0 && outgoing.length === 0;
    const isSeeking = !unread.settled && !isEmpty;
    return (
        <div className="history-place">
            {isSeeking && <div className="history-seeking"><MessagesSkeleton /></div>}
            <div ref={box} className="history" role="log" aria-label="Messages" aria-busy={loading} data-seeking={isSeeking || undefined}>
                <div className="history-content">
                    {isEmpty && (loading ? <MessagesSkeleton /> : <HistoryEmpty list={list} />)}
                    {messages.length > 0 && <HistoryTop list={list} box={box} />}
                    <MessageRows chat={chat} list={list} people={people} outbox={outbox} outgoing={outgoing} notices={notices}
                        unreadFrom={unread.before} marked={marked} commands={commands} onJump={jumpTo} />
                </div>
            </div>
            {!atEnd && unread.settled && (
                <button type="button" className="to-end" onClick={toEnd}>
                    <Icon name="down" /> {chat.unreadCount > 0 ? 'New messages' : 'Latest messages'}
                </button>
            )}
        </div>
    );
}
