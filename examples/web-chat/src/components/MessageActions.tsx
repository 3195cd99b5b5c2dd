import { useState } from 'react';
import type { Message } from 'whisp-sdk';
import type { MessageCommands } from './ChatView';
import { EmojiPicker } from './EmojiPicker';
import { IconButton } from './IconButton';

interface Props {
    message: Message;
    canEdit: boolean;
    canDelete: boolean;
    commands: MessageCommands;
    onDone(): void;
}

/** What can be done with a message. Shown when it is pointed at, tapped, or has the focus in it. */
export function MessageActions({ message, canEdit, canDelete, commands, onDone }: Props) {
    const [picking, setPicking] = useState(false);
    const then = (command: (message: Message) => void) => () => {
        command(message);
        onDone();
    };
    return (
        <div className="message-actions" data-open={picking || undefined}>
            <IconButton icon="smile" label="React" aria-expanded={picking} onClick={() => setPicking(!picking)} />
            <IconButton icon="reply" label="Reply" onClick={then(commands.reply)} />
            {canEdit && <IconButton icon="edit" label="Edit" onClick={then(commands.edit)} />}
            {canDelete && <IconButton icon="trash" label="Delete" onClick={then(commands.remove)} />}
            {picking && <EmojiPicker onClose={() => setPicking(false)} onPick={(emoji) => {
                commands.react(message, emoji);
                setPicking(false);
                onDone();
            }} />}
        </div>
    );
}
