import { useEffect, useState } from 'react';
import type { Chat, Message } from 'whisp-sdk';
import { useMessages } from 'whisp-sdk/react';
import type { Drafts } from '../hooks/useDrafts';
import { useMembers } from '../hooks/useMembers';
import type { Notice } from '../hooks/useNotices';
import type { Outbox } from '../hooks/useOutgoing';
import { useRefusedEdit } from '../hooks/useRefusedEdit';
import { useReloadWhenBack } from '../hooks/useReloadWhenBack';
import { useWhisp } from '../whisp';
import { chatTitle } from '../words';
import { ChatDetails } from './ChatDetails';
import { ChatHeader } from './ChatHeader';
import { Composer } from './Composer';
import { ConfirmDialog } from './ConfirmDialog';
import { MessageList } from './MessageList';
import { Problem } from './Problem';
import { TypingLine } from './TypingLine';

/** What the next text is for, when not a new message. `text`: an edit that was refused before. */
export type Intent = { kind: 'reply'; message: Message } | { kind: 'edit'; message: Message; text?: string } | null;

export interface MessageCommands {
    reply(message: Message): void;
    edit(message: Message): void;
    remove(message: Message): void;
    react(message: Message, emoji: string): void;
}

interface Props {
    chat: Chat;
    outbox: Outbox;
    notices: Notice[];
    drafts: Drafts;
    /** Whether the newest message is in sight. */
    onCaughtUp(caughtUp: boolean): void;
}

/** One chat. Mounted anew for each. */
export function ChatView({ chat, outbox, notices, drafts, onCaughtUp }: Props) {
    const { whisp, me } = useWhisp();
    const { chatId } = chat;
    const list = useMessages(whisp, chatId);
    const people = useMembers(whisp, chatId, list.messages);
    const edits = useRefusedEdit(whisp, chatId, drafts);
    const [intent, setIntent] = useState<Intent>(null);
    const [removing, setRemoving] = useState<Message | null>(null);
    const [showDetails, setShowDetails] = useState(false);
    const [problem, setProblem] = useState<string | null>(null);
    const [draftsTaken, setDraftsTaken] = useState(0);
    const title = chatTitle(chat, me.username);
    useReloadWhenBack(whisp, list);
    useEffect(() => () => onCaughtUp(false), [onCaughtUp]);

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
                edits.save(intent.message.messageId, text);
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

    function editAgain(): void {
        const { refused } = edits;
        const message = list.messages.find(({ messageId }) => messageId === refused?.messageId);
        if (refused && message) {
            setIntent({ kind: 'edit', message, text: refused.text });
        } else if (refused) { // the message is gone: its new text can still be sent
            drafts.keepText(chatId, [drafts.textOf(chatId), refused.text].filter(Boolean).join('\n'));
            setIntent(null);
            setDraftsTaken(draftsTaken + 1);
        }
        edits.discard();
    }

    return (
        <main className="chat">
            <ChatHeader chat={chat} title={title} people={people} onDetails={() => setShowDetails(true)} />
            <MessageList chat={chat} list={list} people={people} outbox={outbox} notices={notices} commands={commands} onCaughtUp={onCaughtUp} />
            <TypingLine chatId={chatId} nameOf={people.nameOf} />
            <Problem text={problem} onClose={() => setProblem(null)} />
            <Problem text={edits.refused && `Not saved: ${edits.refused.why}`}>
                <button type="button" className="link" onClick={editAgain}>Edit again</button>
                <button type="button" className="link" onClick={edits.discard}>Discard</button>
            </Problem>
            <Composer key={intent?.kind === 'edit' ? intent.message.messageId : `new ${draftsTaken}`} chatId={chatId} title={title}
                intent={intent} nameOf={people.nameOf} draft={drafts.textOf(chatId)} onDraft={(text) => drafts.keepText(chatId, text)}
                onSubmit={submit} onCancel={() => setIntent(null)} onEditLast={editLast} />
            {showDetails && <ChatDetails chat={chat} title={title} members={people.members ?? []} onClose={() => setShowDetails(false)} />}
            {removing && <ConfirmDialog title="Delete this message?" text="It disappears for everyone." action="Delete"
                onConfirm={() => whisp.realtime.deleteMessage(chatId, removing.messageId)} onClose={() => setRemoving(null)} />}
        </main>
    );
}
