import { useEffect, useRef } from 'react';

const EMOJI = { '👍': 'Thumbs up', '❤️': 'Heart', '😂': 'Laughing', '😮': 'Surprised', '😢': 'Sad', '🎉': 'Party' };

/** Six to choose from. Closes with Esc, and when the focus or a click goes elsewhere. */
export function EmojiPicker({ onPick, onClose }: { onPick(emoji: string): void; onClose(): void }) {
    const picker = useRef<HTMLDivElement>(null);
    useEffect(() => {
        const element = picker.current;
        element?.querySelector('button')?.focus();
        const elsewhere = (event: Event): void => {
            if (!element?.parentElement?.contains(event.target as Node)) {
                onClose();
            }
        };
        addEventListener('pointerdown', elsewhere);
        addEventListener('focusin', elsewhere);
        return () => {
            removeEventListener('pointerdown', elsewhere);
            removeEventListener('focusin', elsewhere);
        };
    }, [onClose]);

    return (
        <div ref={picker} className="emoji-picker" role="group" aria-label="Pick a reaction"
            onKeyDown={(event) => event.key === 'Escape' && onClose()}>
            {Object.entries(EMOJI).map(([emoji, name]) => (
                <button key={emoji} type="button" aria-label={name} title={name} onClick={() => onPick(emoji)}>{emoji}</button>
            ))}
        </div>
    );
}
