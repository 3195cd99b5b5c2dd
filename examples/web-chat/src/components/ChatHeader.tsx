import type { Chat } from 'whisp-sdk';
import type { Members } from '../hooks/useMembers';
import { openChat } from '../hooks/useOpenChat';
import { useWhisp } from '../whisp';
import { Avatar } from './Avatar';
import { IconButton } from './IconButton';
import { Names } from './Names';

interface Props {
    chat: Chat;
    title: string;
    people: Members;
    onDetails(): void;
}

export function ChatHeader({ chat, title, people, onDetails }: Props) {
    return (
        <header className="chat-header">
            <IconButton icon="back" label="Back to the chats" className="back" onClick={() => openChat(null)} />
            <Avatar id={chat.chatId} name={title} />
            <div className="chat-title">
                <h2><bdi>{title}</bdi></h2>
                <Subtitle title={title} people={people} />
            </div>
            <IconButton icon="info" label="Chat details" onClick={onDetails} />
        </header>
    );
}

/** Who is in it: of a chat of two the other one, unless that is its title. */
function Subtitle({ title, people }: { title: string; people: Members }) {
    const { me } = useWhisp();
    if (!people.members) {
        return <p>{'\u00a0'}</p>;
    }
    const others = people.members.filter(({ userId }) => userId !== me.userId).map(({ username }) => username);
    if (others.length === 0) {
        return <p>Only you</p>;
    }
    if (others.length === 1) {
        return others[0] === title ? null : <p><bdi>{others[0]}</bdi></p>;
    }
    return <p>{others.length + 1} people: <Names names={['You', ...others]} /></p>;
}
