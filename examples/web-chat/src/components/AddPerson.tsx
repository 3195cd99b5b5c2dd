import type { FormEvent } from 'react';
import type { Chat } from 'whisp-sdk';
import { useTask } from '../hooks/useTask';
import { MAX_USERNAME } from '../limits';
import { useWhisp } from '../whisp';
import { Field } from './Field';
import { Problem } from './Problem';

export function AddPerson({ chat }: { chat: Chat }) {
    const { whisp } = useWhisp();
    const { busy, error, run } = useTask();

    async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
        event.preventDefault();
        const form = event.currentTarget;
        const username = String(new FormData(form).get('username')).trim();
        if (await run(() => whisp.addUserToChat(chat.chatId, username))) {
            form.reset();
        }
    }

    return (
        <form onSubmit={submit}>
            <div className="field-row">
                <Field label="Add someone" name="username" placeholder="Username" limit={MAX_USERNAME} required autoComplete="off" autoCapitalize="none" />
                <button className="button plain" disabled={busy}>Add</button>
            </div>
            <Problem text={error} />
        </form>
    );
}
