import { useEffect, useMemo, useRef, useState } from 'react';
import type { Chat } from 'whisp-sdk';
import type { useMessages } from 'whisp-sdk/react';
import { useAttention } from '../hooks/useAttention';
import { useHistoryScroll } from '../hooks/useHistoryScroll';
import { useJump } from '../hooks/useJump';
import type { Members } from '../hooks/useMembers';
import type { Outbox } from '../hooks/useOutgoing';
import { useReadMark } from '../hooks/useReadMark';
import { seenBy, timeline } from '../timeline';
import { useWhisp } from '../whisp';
import type { MessageCommands } from './ChatView';
import { EmptyState } from './EmptyState';
import { HistoryTop } from './HistoryTop';
import { Icon } from './Icon';
import { MessageItem } from './MessageItem';
import { MessagesSkeleton } from './MessagesSkeleton';
import { OutgoingItem } from './OutgoingItem';

interface Props {
    chat: Chat;
    list: ReturnType<typeof useMessages>;
    people: Members;
    outbox: Outbox;
    commands: MessageCommands;
}

export function MessageList({ chat, list, people, outbox, commands }: Props) {
    const { whisp, me } = useWhisp();
    const { messages, loading, error, reload } = list;
    const box = useRef<HTMLDivElement>(null);
    const outgoing = outbox.outgoing.filter(({ chatId }) => chatId === chat.chatId);
    const { atEnd, toEnd } = useHistoryScroll(box, messages[0]?.messageId);
    const { marked, jumpTo } = useJump(list);
    const [active, setActive] = useState<string | null>(null);
    const attention = useAttention();
    useReadMark(whisp, messages, me.userId, attention && atEnd);
    useEffect(toEnd, [toEnd, outgoing.at(-1)?.id]); // one's own newest message is always shown

    const rows = useMemo(() => timeline(messages), [messages]);
    const seen = useMemo(() => seenBy(messages, people.members ?? [], me.userId), [messages, people.members, me.userId]);
    const isEmpty = messages.length === 0 && outgoing.length === 0;

    return (
        <div className="history-place">
            <div ref={box} className="history" role="log" aria-label="Messages" aria-busy={loading} tabIndex={0}>
                <div className="history-content">
                    {isEmpty && loading && <MessagesSkeleton />}
                    {isEmpty && !loading && (error
                        ? <EmptyState icon={<Icon name="warning" />} title="The messages could not be read">
                            <p className="soft">{error.message}</p>
                            <button type="button" className="button" onClick={reload}>Try again</button>
                        </EmptyState>
                        : <EmptyState icon={<Icon name="smile" />} title="Nothing here yet">
                            <p className="soft">Say hello: the first message is yours.</p>
                        </EmptyState>)}
                    {messages.length > 0 && <HistoryTop list={list} box={box} />}
                    <ol className="messages">
                        {rows.map((row) => (row.kind === 'day'
                            ? <li key={row.key} className="day"><span>{row.label}</span></li>
                            : <MessageItem key={row.key} row={row} chat={chat} nameOf={people.nameOf} commands={commands}
                                seen={seen.get(row.message.messageId)} marked={marked === row.message.messageId}
                                active={active === row.message.messageId} onActivate={setActive} onJump={jumpTo} />))}
                        {outgoing.map((message) => (
                            <OutgoingItem key={message.id} message={message} nameOf={people.nameOf}
                                onRetry={() => outbox.retry(message)} onDiscard={() => outbox.discard(message)} />
                        ))}
                    </ol>
                </div>
            </div>
            {!atEnd && (
                <button type="button" className="to-end" onClick={toEnd}>
                    <Icon name="down" /> {chat.unreadCount > 0 ? 'New messages' : 'Latest messages'}
                </button>
            )}
        </div>
    );
}
