import { useMemo } from 'react';
import { isEmojiOnly, parts } from '../text';

/** A message's text: addresses are links, nothing but emoji is large. */
export function MessageText({ text, tabIndex }: { text: string; tabIndex?: number }) {
    const found = useMemo(() => parts(text), [text]);
    const large = useMemo(() => isEmojiOnly(text), [text]);
    return (
        <p className={large ? 'text large' : 'text'} dir="auto">
            {found.map((part, i) => (part.kind === 'link'
                ? <a key={i} href={part.text} target="_blank" rel="noopener noreferrer" tabIndex={tabIndex}>{part.text}</a>
                : part.text))}
        </p>
    );
}
