import { type FormEvent, useState } from 'react';
import type { WhispClient } from 'whisp-sdk';
import { useTask } from '../hooks/useTask';
import { MAX_EMAIL, MAX_PASSWORD, MAX_USERNAME } from '../limits';
import { startSession } from '../session';
import { Field } from './Field';
import { Icon } from './Icon';
import { Problem } from './Problem';

export function SignIn({ whisp }: { whisp: WhispClient }) {
    const [isNew, setIsNew] = useState(false);
    const { busy, error, run } = useTask();

    async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
        event.preventDefault();
        const { username = '', password = '', email } = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
        const credentials = { username: username.trim(), password, ...(isNew && { email: email?.trim() }) };
        await run(() => startSession(whisp, isNew ? '/register' : '/sign-in', credentials));
    }

    return (
        <main className="sign-in">
            <div className="sign-in-card">
                <span className="logo"><Icon name="chat" /></span>
                <h1>{isNew ? 'Create your account' : 'Welcome back'}</h1>
                <p className="soft">{isNew ? 'Then invite someone by their username.' : 'Sign in to go on with your chats.'}</p>
                <form onSubmit={submit}>
                    <Field label="Username" name="username" autoComplete="username" autoCapitalize="none"
                        limit={MAX_USERNAME} required autoFocus />
                    {isNew && <Field label="Email" name="email" type="email" autoComplete="email" limit={MAX_EMAIL} required />}
                    <Field label="Password" name="password" type="password" required limit={MAX_PASSWORD}
                        minLength={isNew ? 8 : undefined} hint={isNew ? 'At least 8 characters.' : undefined}
                        autoComplete={isNew ? 'new-password' : 'current-password'} />
                    <Problem text={error} />
                    <button className="button wide" disabled={busy}>
                        {busy ? 'One moment…' : isNew ? 'Create account' : 'Sign in'}
                    </button>
                </form>
                <p className="soft">
                    {isNew ? 'You have an account? ' : 'New here? '}
                    <button type="button" className="link" onClick={() => setIsNew(!isNew)}>
                        {isNew ? 'Sign in instead' : 'Create an account'}
                    </button>
                </p>
            </div>
        </main>
    );
}
