import type { Chat } from 'whisp-sdk';
import type { Members } from '../hooks/useMembers';
import { openChat } from '../hooks/useOpenChat';
import { useWhisp } from '../whisp';
import { listed } from '../words';
import { Avatar } from './Avatar';
import { IconButton } from './IconButton';

export function ChatHeader({ chat, people, onDetails }: { chat: Chat; people: Members; onDetails(): void }) {
    const { me } = useWhisp();
    const others = (people.members ?? []).filter(({ userId }) => userId !== me.userId).map(({ username }) => username);
    return (
        <header className="chat-header">
            <IconButton icon="back" label="Back to the chats" className="back" onClick={() => openChat(null)} />
            <Avatar id={chat.chatId} name={chat.chatName} />
            <div className="chat-title">
                <h2>{chat.chatName}</h2>
                <p>{people.members ? listed(['You', ...others]) : '\u00a0'}</p>
            </div>
            <IconButton icon="info" label="Chat details" onClick={onDetails} />
        </header>
    );
}
