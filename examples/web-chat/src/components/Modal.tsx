import { type ReactNode, useEffect, useId, useRef } from 'react';
import { IconButton } from './IconButton';

/** A dialog: the browser keeps the focus in it, and Esc closes it. */
export function Modal({ title, onClose, children }: { title: string; onClose(): void; children: ReactNode }) {
    const dialog = useRef<HTMLDialogElement>(null);
    const titleId = useId();
    useEffect(() => {
        const element = dialog.current;
        element?.showModal();
        return () => element?.close();
    }, []);

    return (
        <dialog ref={dialog} className="modal" aria-labelledby={titleId}
            onCancel={(event) => {
                event.preventDefault();
                onClose();
            }}
            onClick={(event) => event.target === dialog.current && onClose()}>
            <div className="modal-content">
                <header className="modal-header">
                    <h2 id={titleId}>{title}</h2>
                    <IconButton icon="close" label="Close" onClick={onClose} />
                </header>
                {children}
            </div>
        </dialog>
    );
}
