import type { useChats } from 'whisp-sdk/react';
import { openChat } from '../hooks/useOpenChat';
import { ChatListItem } from './ChatListItem';
import { ChatListSkeleton } from './ChatListSkeleton';
import { EmptyState } from './EmptyState';
import { Icon } from './Icon';
import { Problem } from './Problem';

interface Props {
    list: ReturnType<typeof useChats>;
    openId: string | null;
    onNew(): void;
}

export function ChatList({ list, openId, onNew }: Props) {
    const { chats, loading, error, hasMore, loadMore, reload } = list;
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
        <div className="chat-list-box">
            {error && <div className="list-problem">
                <Problem text="The chats could not be read." />
                <button type="button" className="button plain" onClick={reload}>Try again</button>
            </div>}
            <ul className="chat-list">
                {chats.map((chat) => (
                    <ChatListItem key={chat.chatId} chat={chat} open={chat.chatId === openId}
                        onOpen={() => openChat(chat.chatId)} />
                ))}
            </ul>
            {hasMore && <button type="button" className="button plain wide" disabled={loading} onClick={loadMore}>Show more</button>}
        </div>
    );
}
