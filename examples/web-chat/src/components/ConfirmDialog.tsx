import { useTask } from '../hooks/useTask';
import { Modal } from './Modal';
import { Problem } from './Problem';

interface Props {
    title: string;
    text: string;
    /** What the button says that does it. */
    action: string;
    onConfirm(): Promise<unknown>;
    onClose(): void;
}

/** Asks before something that cannot be undone. */
export function ConfirmDialog({ title, text, action, onConfirm, onClose }: Props) {
    const { busy, error, run } = useTask();
    return (
        <Modal title={title} onClose={onClose}>
            <p className="soft">{text}</p>
            <Problem text={error} />
            <div className="modal-buttons">
                <button type="button" className="button plain" autoFocus onClick={onClose}>Cancel</button>
                <button type="button" className="button danger" disabled={busy}
                    onClick={async () => await run(onConfirm) && onClose()}>
                    {action}
                </button>
            </div>
        </Modal>
    );
}
