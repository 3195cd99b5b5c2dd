import { type FocusEvent, type KeyboardEvent, useMemo, useState } from 'react';
import type { Chat } from 'whisp-sdk';
import type { useMessages } from 'whisp-sdk/react';
import type { Members } from '../hooks/useMembers';
import type { Notice } from '../hooks/useNotices';
import type { Outbox, Outgoing } from '../hooks/useOutgoing';
import { noticesOf, seenBy, timeline } from '../timeline';
import { useWhisp } from '../whisp';
import type { MessageCommands } from './ChatView';
import { MessageItem } from './MessageItem';
import { NoticeItem } from './NoticeItem';
import { OutgoingItem } from './OutgoingItem';

interface Props {
    chat: Chat;
    list: ReturnType<typeof useMessages>;
    people: Members;
    outbox: Outbox;
    outgoing: Outgoing[];
    notices: Notice[];
    unreadFrom: string | null;
    marked: string | null;
    commands: MessageCommands;
    onJump(messageId: string): void;
}

/** The rows of the history. They are one stop of Tab; the arrow keys, Home and End go through the messages. */
export function MessageRows({ chat, list, people, outbox, outgoing, notices, unreadFrom, marked, commands, onJump }: Props) {
    const { me } = useWhisp();
    const { messages, hasMore } = list;
    const { members } = people;
    const [active, setActive] = useState<string | null>(null);
    const [focused, setFocused] = useState<string | null>(null);
    const rows = useMemo(() => timeline(messages, noticesOf(chat, members, notices), unreadFrom, hasMore),
                         [messages, chat, members, notices, unreadFrom, hasMore]);
    const seen = useMemo(() => seenBy(messages, members ?? [], me.userId), [messages, members, me.userId]);
    const current = messages.some(({ messageId }) => messageId === focused) ? focused : messages.at(-1)?.messageId;

    function follow({ target }: FocusEvent): void {
        setFocused(target.closest<HTMLElement>('[data-message-id]')?.dataset.messageId ?? null);
    }

    function press(event: KeyboardEvent<HTMLElement>): void {
        const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-message-id]')];
        const place = items.indexOf(event.target as HTMLElement); // not from within a message
        const next = { ArrowUp: place - 1, ArrowDown: place + 1, Home: 0, End: items.length - 1 }[event.key];
        if (place >= 0 && next !== undefined && items[next]) {
            event.preventDefault();
            items[next].focus();
        }
    }

    return (
        <ol className="messages" onFocus={follow} onKeyDown={press}>
            {rows.map((row) => {
                switch (row.kind) {
                case 'day':
                    return <li key={row.key} className="day"><span>{row.label}</span></li>;
                case 'unread':
                    return <li key={row.key} className="unread-line"><span>Unread messages</span></li>;
                case 'notice':
                    return <NoticeItem key={row.key} notice={row.notice} />;
                case 'message': {
                    const { messageId } = row.message;
                    return <MessageItem key={row.key} row={row} chat={chat} nameOf={people.nameOf} commands={commands}
                        seen={seen.get(messageId)} marked={marked === messageId} current={current === messageId}
                        active={active === messageId} onActivate={setActive} onJump={onJump} />;
                }
                }
            })}
            {outgoing.map((message) => (
                <OutgoingItem key={message.id} message={message} nameOf={people.nameOf}
                    onRetry={() => outbox.retry(message)} onDiscard={() => outbox.discard(message)} />
            ))}
        </ol>
    );
}
