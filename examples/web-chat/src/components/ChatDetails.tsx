import { useState } from 'react';
import type { Chat, ChatUser } from 'whisp-sdk';
import { endChat } from '../hooks/useEndedChats';
import { useWhisp } from '../whisp';
import { AddPerson } from './AddPerson';
import { ConfirmDialog } from './ConfirmDialog';
import { MemberList } from './MemberList';
import { Modal } from './Modal';
import { RenameChat } from './RenameChat';

interface Props {
    chat: Chat;
    title: string;
    members: ChatUser[];
    onClose(): void;
}

/** The chat's name and people, and the ways out of it. */
export function ChatDetails({ chat, title, members, onClose }: Props) {
    const { whisp, me } = useWhisp();
    const [ending, setEnding] = useState<'leave' | 'delete' | null>(null);
    const isCreator = chat.creator === me.userId;
    return (
        <Modal title="Chat details" onClose={onClose}>
            <RenameChat chat={chat} />
            <MemberList chat={chat} members={members} />
            <AddPerson chat={chat} />
            <div className="modal-buttons endings">
                <button type="button" className="button plain" onClick={() => setEnding('leave')}>Leave chat</button>
                {isCreator && <button type="button" className="button plain danger-text" onClick={() => setEnding('delete')}>Delete chat</button>}
            </div>
            {ending === 'leave' && <ConfirmDialog title={`Leave ${title}?`} action="Leave" onClose={() => setEnding(null)}
                text="You get nothing of this chat any more, until someone adds you again."
                onConfirm={() => endChat(chat.chatId, () => whisp.removeUserFromChat(chat.chatId, me.userId))} />}
            {ending === 'delete' && <ConfirmDialog title={`Delete ${title}?`} action="Delete chat" onClose={() => setEnding(null)}
                text="The chat and all of its messages are gone, for everyone."
                onConfirm={() => endChat(chat.chatId, () => whisp.deleteChat(chat.chatId))} />}
        </Modal>
    );
}
