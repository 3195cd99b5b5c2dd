import type { Chat } from 'whisp-sdk';
import { useAttention } from '../hooks/useAttention';
import { briefly } from '../times';
import { Avatar } from './Avatar';

export function ChatListItem({ chat, open, onOpen }: { chat: Chat; open: boolean; onOpen(): void }) {
    const attention = useAttention();
    // What comes into the chat that one looks at is read in a moment; no badge has to flash up.
    const unread = open && attention ? 0 : chat.unreadCount;
    return (
        <li>
            <button type="button" className="chat-item" aria-current={open} onClick={onOpen}>
                <Avatar id={chat.chatId} name={chat.chatName} />
                <span className="chat-item-name">{chat.chatName}</span>
                <time className="chat-item-time" dateTime={chat.lastMessageTimestamp ?? chat.createdAt}>
                    {briefly(chat.lastMessageTimestamp ?? chat.createdAt)}
                </time>
                <span className="chat-item-preview" data-unread={unread > 0 || undefined}>
                    {chat.lastMessage ?? 'No messages yet'}
                </span>
                {unread > 0 && <span className="badge">
                    {unread > 99 ? '99+' : unread}<span className="hidden"> unread</span>
                </span>}
            </button>
        </li>
    );
}
