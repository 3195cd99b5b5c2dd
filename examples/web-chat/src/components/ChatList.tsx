import { type KeyboardEvent, type RefObject, useEffect, useState } from 'react';
import type { useChats } from 'whisp-sdk/react';
import { useLastSenders } from '../hooks/useLastSenders';
import { openChat } from '../hooks/useOpenChat';
import { useWhisp } from '../whisp';
import { chatTitle } from '../words';
import { ChatListItem } from './ChatListItem';
import { ChatListSkeleton } from './ChatListSkeleton';
import { EmptyState } from './EmptyState';
import { Icon } from './Icon';
import { Problem } from './Problem';

interface Props {
    list: ReturnType<typeof useChats>;
    openId: string | null;
    caughtUp: boolean;
    search: RefObject<HTMLInputElement | null>;
    onNew(): void;
}

/** The chats, those with the latest activity first. Arrow keys go up and down, from the search field too. */
export function ChatList({ list, openId, caughtUp, search, onNew }: Props) {
    const { whisp, me } = useWhisp();
    const { chats, loading, error, hasMore, loadMore, reload } = list;
    const [sought, setSought] = useState('');
    const found = chats.filter((chat) => chatTitle(chat, me.username).toLocaleLowerCase().includes(sought.trim().toLocaleLowerCase()));
    const senders = useLastSenders(whisp, chats);

    useEffect(() => {
        if (sought.trim() !== '') {
            loadMore(); // what is sought may be further down
        }
    }, [sought, chats, loadMore]);

    function press(event: KeyboardEvent<HTMLElement>): void {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('input, .chat-item')];
        const next = stops[stops.indexOf(document.activeElement as HTMLElement) + (step ?? 0)];
        if (step !== undefined && next) {
            event.preventDefault();
            next.focus();
        } else if (event.target === search.current && event.key === 'Enter' && found[0]) {
            event.preventDefault();
            openChat(found[0].chatId);
            setSought('');
        } else if (event.target === search.current && event.key === 'Escape') {
            setSought('');
        }
    }

    if (chats.length === 0 && loading) {
        return <ChatListSkeleton />;
    }
    if (chats.length === 0 && !error) {
        return (
            <EmptyState icon={<Icon name="people" />} title="No chats yet">
                <p className="soft">Start one with anybody whose username you know.</p>
                <button type="button" className="button" onClick={onNew}>Start a chat</button>
            </EmptyState>
        );
    }
    return (
        <div className="chat-list-box" onKeyDown={press}>
            <input ref={search} type="search" className="chat-search" dir="auto" value={sought} placeholder="Find a chat"
                aria-label="Find a chat" aria-keyshortcuts="Control+K" title="Ctrl+K" onChange={(event) => setSought(event.target.value)} />
            {error && <div className="list-problem">
                <Problem text="The chats could not be read." />
                <button type="button" className="button plain" onClick={reload}>Try again</button>
            </div>}
            <ul className="chat-list">
                {found.map((chat) => (
                    <ChatListItem key={chat.chatId} chat={chat} sender={senders.get(chat.chatId)} open={chat.chatId === openId}
                        caughtUp={caughtUp} onOpen={() => openChat(chat.chatId)} />
                ))}
            </ul>
            {found.length === 0 && !loading && !error && <p className="soft chat-list-none">No chat is called that.</p>}
            {hasMore && <button type="button" className="button plain wide" disabled={loading} onClick={loadMore}>Show more</button>}
        </div>
    );
}
