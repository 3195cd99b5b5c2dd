import type { ReactNode } from 'react';
import { Icon } from './Icon';
import { IconButton } from './IconButton';

/** What went wrong, said at once to whoever cannot see it; `children` are the ways out. */
export function Problem({ text, onClose, children }: { text: string | null; onClose?: () => void; children?: ReactNode }) {
    return text === null ? null : (
        <p className="problem" role="alert">
            <Icon name="warning" /> <span dir="auto">{text}</span>
            {children}
            {onClose && <IconButton icon="close" label="Close this notice" onClick={onClose} />}
        </p>
    );
}
