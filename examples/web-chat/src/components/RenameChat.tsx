import type { FormEvent } from 'react';
import type { Chat } from 'whisp-sdk';
import { useTask } from '../hooks/useTask';
import { MAX_CHAT_NAME } from '../limits';
import { useWhisp } from '../whisp';
import { Field } from './Field';
import { Problem } from './Problem';

export function RenameChat({ chat }: { chat: Chat }) {
    const { whisp } = useWhisp();
    const { busy, error, run } = useTask();

    function submit(event: FormEvent<HTMLFormElement>): void {
        event.preventDefault();
        const name = String(new FormData(event.currentTarget).get('name')).trim();
        void run(() => whisp.changeChatName(chat.chatId, name));
    }

    return (
        <form onSubmit={submit}>
            <div className="field-row">
                <Field key={chat.chatName} label="Name" name="name" defaultValue={chat.chatName} limit={MAX_CHAT_NAME} required autoComplete="off" />
                <button className="button plain" disabled={busy}>Rename</button>
            </div>
            <Problem text={error} />
        </form>
    );
}
