import { useState } from 'react';
import type { Chat, ChatUser } from 'whisp-sdk';
import { useWhisp } from '../whisp';
import { Avatar } from './Avatar';
import { ConfirmDialog } from './ConfirmDialog';
import { IconButton } from './IconButton';

export function MemberList({ chat, members }: { chat: Chat; members: ChatUser[] }) {
    const { whisp, me } = useWhisp();
    const [removing, setRemoving] = useState<ChatUser | null>(null);
    const mayRemove = chat.creator === me.userId;
    return (
        <section className="member-section" aria-label="Members">
            <h3>{members.length} {members.length === 1 ? 'person' : 'people'}</h3>
            <ul className="members">
                {members.map((member) => (
                    <li key={member.userId}>
                        <Avatar id={member.userId} name={member.username} small />
                        <span className="member-name"><bdi>{member.username}</bdi></span>
                        {member.userId === chat.creator && <span className="role">creator</span>}
                        {member.userId === me.userId ? <span className="role">you</span> : mayRemove && (
                            <IconButton icon="close" label={`Remove ${member.username}`} onClick={() => setRemoving(member)} />
                        )}
                    </li>
                ))}
            </ul>
            {removing && <ConfirmDialog title={`Remove ${removing.username}?`} action="Remove" onClose={() => setRemoving(null)}
                text="They get nothing of this chat any more, until someone adds them again."
                onConfirm={() => whisp.removeUserFromChat(chat.chatId, removing.userId)} />}
        </section>
    );
}
