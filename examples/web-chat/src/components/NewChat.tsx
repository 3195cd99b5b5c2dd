import type { FormEvent } from 'react';
import { openChat } from '../hooks/useOpenChat';
import { useTask } from '../hooks/useTask';
import { MAX_CHAT_NAME } from '../limits';
import { useWhisp } from '../whisp';
import { defaultName } from '../words';
import { Field } from './Field';
import { Modal } from './Modal';
import { PeopleField } from './PeopleField';
import { Problem } from './Problem';

export function NewChat({ onClose }: { onClose(): void }) {
    const { whisp, me } = useWhisp();
    const { busy, error, run } = useTask();

    async function create(form: FormData): Promise<void> {
        const people = form.getAll('person').map((person) => String(person).trim()).filter(Boolean);
        const everyone = [...new Set([me.username, ...people])];
        if (everyone.length < 2) {
            throw new Error('Add at least one other person.');
        }
        const name = String(form.get('name')).trim() || defaultName(everyone, MAX_CHAT_NAME);
        const chat = await whisp.createChat(name, everyone);
        openChat(chat.chatId);
        onClose();
    }

    function submit(event: FormEvent<HTMLFormElement>): void {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        void run(() => create(form));
    }

    return (
        <Modal title="New chat" onClose={onClose}>
            <form onSubmit={submit}>
                <PeopleField />
                <Field label="Name of the chat (optional)" name="name" limit={MAX_CHAT_NAME} autoComplete="off" />
                <Problem text={error} />
                <div className="modal-buttons">
                    <button type="button" className="button plain" onClick={onClose}>Cancel</button>
                    <button className="button" disabled={busy}>Create chat</button>
                </div>
            </form>
        </Modal>
    );
}
