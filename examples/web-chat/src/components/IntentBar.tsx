import { useWhisp } from '../whisp';
import type { Intent } from './ChatView';
import { IconButton } from './IconButton';

interface Props {
    intent: NonNullable<Intent>;
    nameOf(userId: string): string;
    onCancel(): void;
}

/** Above the composer: the message that is answered or edited. */
export function IntentBar({ intent: { kind, message }, nameOf, onCancel }: Props) {
    const { me } = useWhisp();
    return (
        <div className="intent">
            <div className="quote">
                <span className="quote-sender">
                    {kind === 'edit' ? 'Edit your message'
                        : <>Reply to <bdi>{message.senderId === me.userId ? 'yourself' : nameOf(message.senderId)}</bdi></>}
                </span>
                <span className="quote-text" dir="auto">{message.content}</span>
            </div>
            <IconButton icon="close" label={kind === 'edit' ? 'Cancel the edit' : 'Cancel the reply'} onClick={onCancel} />
        </div>
    );
}
