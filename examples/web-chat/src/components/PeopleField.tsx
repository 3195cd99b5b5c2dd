import { type KeyboardEvent, useId, useState } from 'react';
import { isComposing } from '../keys';
import { IconButton } from './IconButton';

/** Usernames, each closed by a comma or Enter. The form gets them as `person`, the one being typed too. */
export function PeopleField() {
    const id = useId();
    const [people, setPeople] = useState<string[]>([]);
    const [text, setText] = useState('');

    function type(next: string): void {
        const parts = next.split(',');
        setText(parts.pop() ?? '');
        setPeople([...new Set([...people, ...parts.map((part) => part.trim()).filter(Boolean)])]);
    }

    function press(event: KeyboardEvent<HTMLInputElement>): void {
        if (isComposing(event)) {
            return;
        }
        if (event.key === 'Enter' && text.trim()) {
            event.preventDefault();
            type(`${text},`);
        } else if (event.key === 'Backspace' && text === '') {
            setPeople(people.slice(0, -1));
        }
    }

    return (
        <div className="field">
            <label htmlFor={id}>People</label>
            <div className="people-field">
                {people.map((person) => (
                    <span key={person} className="chip">
                        <input type="hidden" name="person" value={person} />
                        <bdi>{person}</bdi>
                        <IconButton icon="close" label={`Take out ${person}`}
                            onClick={() => setPeople(people.filter((one) => one !== person))} />
                    </span>
                ))}
                <input id={id} name="person" value={text} placeholder={people.length > 0 ? '' : 'Usernames'} autoFocus
                    autoComplete="off" autoCapitalize="none" aria-describedby={`${id}-hint`} dir="auto"
                    onChange={(event) => type(event.target.value)} onKeyDown={press} />
            </div>
            <p id={`${id}-hint`} className="hint">Enter or a comma adds one.</p>
        </div>
    );
}
