import { type ChangeEvent, type InputHTMLAttributes, useId, useState } from 'react';
import { lengthOf } from '../words';

interface Props extends InputHTMLAttributes<HTMLInputElement> {
    label: string;
    hint?: string;
    /** In code points. More can be pasted, and is said: `maxLength` would cut it without a word. */
    limit: number;
}

export function Field({ label, hint, limit, ...input }: Props) {
    const id = useId();
    const [over, setOver] = useState(0);
    const note = over > 0 ? `${limit} characters at most: shorten it by ${over}.` : hint;

    function change(event: ChangeEvent<HTMLInputElement>): void {
        const excess = Math.max(0, lengthOf(event.target.value.trim()) - limit);
        event.target.setCustomValidity(excess > 0 ? `Shorten it by ${excess}.` : '');
        setOver(excess);
    }

    return (
        <div className="field">
            <label htmlFor={id}>{label}</label>
            <input id={id} dir="auto" aria-describedby={note && `${id}-hint`} aria-invalid={over > 0 || undefined} onChange={change} {...input} />
            {note && <p id={`${id}-hint`} className={over > 0 ? 'hint over' : 'hint'}>{note}</p>}
        </div>
    );
}
