import type { Chat } from 'whisp-sdk';
import type { LastSender } from '../hooks/useLastSenders';
import { useAttention } from '../hooks/useAttention';
import { briefly } from '../times';
import { useWhisp } from '../whisp';
import { chatTitle } from '../words';
import { Avatar } from './Avatar';

interface Props {
    chat: Chat;
    /** Whom the last message is from, when that is known. */
    sender: LastSender | undefined;
    open: boolean;
    /** Its newest message is in sight. */
    caughtUp: boolean;
    onOpen(): void;
}

export function ChatListItem({ chat, sender, open, caughtUp, onOpen }: Props) {
    const { me } = useWhisp();
    const attention = useAttention();
    // What comes into the chat that one looks at is read in a moment; no badge has to flash up.
    const unread = open && attention && caughtUp ? 0 : chat.unreadCount;
    const title = chatTitle(chat, me.username);
    return (
        <li>
            <button type="button" className="chat-item" aria-current={open} onClick={onOpen}>
                <Avatar id={chat.chatId} name={title} />
                <span className="chat-item-name"><bdi>{title}</bdi></span>
                <time className="chat-item-time" dateTime={chat.lastMessageTimestamp ?? chat.createdAt}>
                    {briefly(chat.lastMessageTimestamp ?? chat.createdAt)}
                </time>
                <span className="chat-item-preview" data-unread={unread > 0 || undefined}>
                    {chat.lastMessage !== null && <SenderOf chat={chat} sender={sender} />}
                    <bdi>{chat.lastMessage ?? 'No messages yet'}</bdi>
                </span>
                {unread > 0 && <span className="badge">
                    {unread > 99 ? '99+' : unread}<span className="hidden"> unread</span>
                </span>}
            </button>
        </li>
    );
}

/** "You: ", in a group "Ann: ", in a chat of two nothing, since it is the other one. */
function SenderOf({ chat, sender }: { chat: Chat; sender: LastSender | undefined }) {
    const { me } = useWhisp();
    if (!sender || sender.at !== chat.lastMessageTimestamp) {
        return null;
    }
    const name = sender.userId === me.userId ? 'You' : chat.groupChat ? sender.username : '';
    return name === '' ? null : <><bdi>{name}</bdi>: </>;
}
