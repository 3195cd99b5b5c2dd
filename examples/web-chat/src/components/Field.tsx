import { type InputHTMLAttributes, useId } from 'react';

interface Props extends InputHTMLAttributes<HTMLInputElement> {
    label: string;
    hint?: string;
}

export function Field({ label, hint, ...input }: Props) {
    const id = useId();
    return (
        <div className="field">
            <label htmlFor={id}>{label}</label>
            <input id={id} aria-describedby={hint && `${id}-hint`} {...input} />
            {hint && <p id={`${id}-hint`} className="hint">{hint}</p>}
        </div>
    );
}
