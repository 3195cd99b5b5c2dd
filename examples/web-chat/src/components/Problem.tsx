import { Icon } from './Icon';
import { IconButton } from './IconButton';

/** What went wrong, said at once to whoever cannot see it. */
export function Problem({ text, onClose }: { text: string | null; onClose?: () => void }) {
    return text === null ? null : (
        <p className="problem" role="alert">
            <Icon name="warning" /> <span>{text}</span>
            {onClose && <IconButton icon="close" label="Close this notice" onClick={onClose} />}
        </p>
    );
}
