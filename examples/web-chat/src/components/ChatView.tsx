import { useState } from 'react';
import type { Chat, Message } from 'whisp-sdk';
import { useMessages } from 'whisp-sdk/react';
import { useMembers } from '../hooks/useMembers';
import type { Outbox } from '../hooks/useOutgoing';
import { useWhisp } from '../whisp';
import { ChatDetails } from './ChatDetails';
import { ChatHeader } from './ChatHeader';
import { Composer } from './Composer';
import { ConfirmDialog } from './ConfirmDialog';
import { MessageList } from './MessageList';
import { Problem } from './Problem';
import { TypingLine } from './TypingLine';

/** What the next text is for, when not a new message. */
export type Intent = { kind: 'reply' | 'edit'; message: Message } | null;

export interface MessageCommands {
    reply(message: Message): void;
    edit(message: Message): void;
    remove(message: Message): void;
    react(message: Message, emoji: string): void;
}

interface Props {
    chat: Chat;
    outbox: Outbox;
    /** Unsent texts by chat. */
    drafts: Map<string, string>;
}

/** One chat. Mounted anew for each. */
export function ChatView({ chat, outbox, drafts }: Props) {
    const { whisp, me } = useWhisp();
    const { chatId } = chat;
    const list = useMessages(whisp, chatId);
    const people = useMembers(whisp, chatId);
    const [intent, setIntent] = useState<Intent>(null);
    const [removing, setRemoving] = useState<Message | null>(null);
    const [showDetails, setShowDetails] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);

    /** For what has no place of its own to say that it went wrong. */
    const attempt = (work: Promise<unknown>): void => void work.then(() => setProblem(null),
        (error: Error) => setProblem(error.message));

    const commands: MessageCommands = {
        reply: (message) => setIntent({ kind: 'reply', message }),
        edit: (message) => setIntent({ kind: 'edit', message }),
        remove: setRemoving,
        react: (message, emoji) => {
            const mine = message.reactions.find(({ reaction, senderId }) => reaction === emoji && senderId === me.userId);
            attempt(mine ? whisp.realtime.removeReaction(mine.reactionId)
                : whisp.realtime.addReaction(chatId, message.messageId, emoji));
        },
    };

    function submit(text: string): void {
        if (intent?.kind === 'edit') {
            if (text !== intent.message.content) {
                attempt(whisp.realtime.editMessage(chatId, intent.message.messageId, text));
            }
        } else {
            outbox.send(chatId, text, intent?.message ?? null);
        }
        setIntent(null);
    }

    function editLast(): void {
        const last = list.messages.findLast(({ senderId }) => senderId === me.userId);
        if (last) {
            setIntent({ kind: 'edit', message: last });
        }
    }

    return (
        <main className="chat">
            <ChatHeader chat={chat} people={people} onDetails={() => setShowDetails(true)} />
            <MessageList chat={chat} list={list} people={people} outbox={outbox} commands={commands} />
            <TypingLine chatId={chatId} nameOf={people.nameOf} />
            <Problem text={problem} onClose={() => setProblem(null)} />
            <Composer key={intent?.kind === 'edit' ? intent.message.messageId : 'new'} chat={chat} intent={intent}
                nameOf={people.nameOf} drafts={drafts} onSubmit={submit} onCancel={() => setIntent(null)} onEditLast={editLast} />
            {showDetails && <ChatDetails chat={chat} members={people.members ?? []} onClose={() => setShowDetails(false)} />}
            {removing && <ConfirmDialog title="Delete this message?" text="It disappears for everyone." action="Delete"
                onConfirm={() => whisp.realtime.deleteMessage(chatId, removing.messageId)} onClose={() => setRemoving(null)} />}
        </main>
    );
}
