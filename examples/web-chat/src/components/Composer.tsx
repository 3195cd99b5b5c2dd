import { type ChangeEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { useTypingSignal } from '../hooks/useTypingSignal';
import { isComposing } from '../keys';
import { MAX_MESSAGE } from '../limits';
import { useWhisp } from '../whisp';
import { lengthOf } from '../words';
import type { Intent } from './ChatView';
import { Icon } from './Icon';
import { IntentBar } from './IntentBar';

interface Props {
    chatId: string;
    /** What the chat is called. */
    title: string;
    intent: Intent;
    nameOf(userId: string): string;
    /** What was written before, and who keeps it. */
    draft: string;
    onDraft(text: string): void;
    onSubmit(text: string): void;
    onCancel(): void;
    onEditLast(): void;
}

/** Where one writes. While a message is edited this is one of its own, and the draft stays as it was. */
export function Composer({ chatId, title, intent, nameOf, draft, onDraft, onSubmit, onCancel, onEditLast }: Props) {
    const { whisp } = useWhisp();
    const edit = intent?.kind === 'edit' ? intent : null;
    const [text, setText] = useState(edit ? edit.text ?? edit.message.content : draft);
    const input = useRef<HTMLTextAreaElement>(null);
    const signalTyping = useTypingSignal(whisp, chatId);
    const over = Math.max(0, lengthOf(text.trim()) - MAX_MESSAGE);

    useEffect(() => {
        // On a telephone the keyboard would cover what one came to read.
        if (intent || matchMedia('(hover: hover)').matches) {
            input.current?.focus();
            input.current?.setSelectionRange(text.length, text.length);
        }
    }, [intent]);

    function change(next: string): void {
        setText(next);
        if (!edit) {
            onDraft(next);
        }
    }

    function type({ target, nativeEvent }: ChangeEvent<HTMLTextAreaElement>): void {
        change(target.value);
        if (!(nativeEvent as InputEvent).inputType?.startsWith('delete')) {
            signalTyping();
        }
    }

    function submit(): void {
        if (text.trim() && over === 0) {
            onSubmit(text.trim());
            change('');
        }
    }

    function press(event: KeyboardEvent): void {
        if (isComposing(event)) {
            return;
        }
        if (event.key === 'Enter' && !event.shiftKey) {
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
            {intent && <IntentBar intent={intent} nameOf={nameOf} onCancel={onCancel} />}
            {over > 0 && <p className="hint over" role="alert">
                A message has {MAX_MESSAGE.toLocaleString()} characters at most: shorten this one by {over.toLocaleString()}.
            </p>}
            <div className="composer-row">
                {/* The copy of the text behind it gives the box its height. */}
                <div className="grows" data-text={text}>
                    <textarea ref={input} value={text} rows={1} dir="auto" aria-label="Message" aria-invalid={over > 0 || undefined}
                        placeholder={`Message ${title}`} onKeyDown={press} onChange={type} />
                </div>
                <button className="icon-button send" aria-label={edit ? 'Save the edit' : 'Send'} disabled={!text.trim() || over > 0}>
                    <Icon name={edit ? 'check' : 'send'} />
                </button>
            </div>
        </form>
    );
}
