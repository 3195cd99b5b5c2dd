import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import type { Chat } from 'whisp-sdk';
import { useTypingSignal } from '../hooks/useTypingSignal';
import { useWhisp } from '../whisp';
import type { Intent } from './ChatView';
import { Icon } from './Icon';
import { IconButton } from './IconButton';

/** The server's limit. */
const MOST_LETTERS = 10_000;

interface Props {
    chat: Chat;
    intent: Intent;
    nameOf(userId: string): string;
    drafts: Map<string, string>;
    onSubmit(text: string): void;
    onCancel(): void;
    onEditLast(): void;
}

/** Where one writes. While a message is edited this is one of its own, and the draft stays as it was. */
export function Composer({ chat, intent, nameOf, drafts, onSubmit, onCancel, onEditLast }: Props) {
    const { whisp, me } = useWhisp();
    const edited = intent?.kind === 'edit' ? intent.message : null;
    const [text, setText] = useState(edited?.content ?? drafts.get(chat.chatId) ?? '');
    const input = useRef<HTMLTextAreaElement>(null);
    const signalTyping = useTypingSignal(whisp, chat.chatId);

    useEffect(() => {
        // On a telephone the keyboard would cover what one came to read.
        if (intent || matchMedia('(hover: hover)').matches) {
            input.current?.focus();
            input.current?.setSelectionRange(text.length, text.length);
        }
    }, [intent]);

    function change(next: string): void {
        setText(next);
        if (!edited) {
            drafts.set(chat.chatId, next);
        }
    }

    function submit(): void {
        if (text.trim()) {
            onSubmit(text.trim());
            change('');
        }
    }

    function press(event: KeyboardEvent): void {
        if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            submit();
        } else if (event.key === 'Escape' && intent) {
            onCancel();
        } else if (event.key === 'ArrowUp' && text === '' && !intent) {
            event.preventDefault();
            onEditLast();
        }
    }

    return (
        <form className="composer" onSubmit={(event) => {
            event.preventDefault();
            submit();
        }}>
            {intent && (
                <div className="intent">
                    <div className="quote">
                        <span className="quote-sender">
                            {edited ? 'Edit your message'
                                : `Reply to ${intent.message.senderId === me.userId ? 'yourself' : nameOf(intent.message.senderId)}`}
                        </span>
                        <span className="quote-text">{intent.message.content}</span>
                    </div>
                    <IconButton icon="close" label={edited ? 'Cancel the edit' : 'Cancel the reply'} onClick={onCancel} />
                </div>
            )}
            <div className="composer-row">
                {/* The copy of the text behind it gives the box its height. */}
                <div className="grows" data-text={text}>
                    <textarea ref={input} value={text} rows={1} maxLength={MOST_LETTERS} aria-label="Message"
                        placeholder={`Message ${chat.chatName}`} onKeyDown={press} onChange={(event) => {
                            change(event.target.value);
                            signalTyping();
                        }} />
                </div>
                <button className="icon-button send" aria-label={edited ? 'Save the edit' : 'Send'} disabled={!text.trim()}>
                    <Icon name={edited ? 'check' : 'send'} />
                </button>
            </div>
        </form>
    );
}
