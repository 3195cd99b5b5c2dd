import type { Chat, ChatUser } from 'whisp-sdk';
import { useTask } from '../hooks/useTask';
import { useWhisp } from '../whisp';
import { Avatar } from './Avatar';
import { IconButton } from './IconButton';
import { Problem } from './Problem';

export function MemberList({ chat, members }: { chat: Chat; members: ChatUser[] }) {
    const { whisp, me } = useWhisp();
    const { busy, error, run } = useTask();
    const mayRemove = chat.creator === me.userId;
    return (
        <section className="member-section" aria-label="Members">
            <h3>{members.length} {members.length === 1 ? 'person' : 'people'}</h3>
            <ul className="members">
                {members.map(({ userId, username }) => (
                    <li key={userId}>
                        <Avatar id={userId} name={username} small />
                        <span className="member-name">{username}</span>
                        {userId === chat.creator && <span className="role">creator</span>}
                        {userId === me.userId ? <span className="role">you</span> : mayRemove && (
                            <IconButton icon="close" label={`Remove ${username}`} disabled={busy}
                                onClick={() => run(() => whisp.removeUserFromChat(chat.chatId, userId))} />
                        )}
                    </li>
                ))}
            </ul>
            <Problem text={error} />
        </section>
    );
}
