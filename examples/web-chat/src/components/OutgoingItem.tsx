import type { Outgoing } from '../hooks/useOutgoing';
import { Icon } from './Icon';
import { MessageText } from './MessageText';
import { Quote } from './Quote';

interface Props {
    message: Outgoing;
    nameOf(userId: string): string;
    onRetry(): void;
    onDiscard(): void;
}

/** A message of ours that the server has not stored yet, or has refused. */
export function OutgoingItem({ message, nameOf, onRetry, onDiscard }: Props) {
    const { text, replyTo, failed } = message;
    return (
        <li className={`message mine last ${failed ? 'failed' : 'sending'}`}>
            <div className="message-body">
                <div className="bubble">
                    {replyTo && <Quote message={replyTo} name={nameOf(replyTo.senderId)} />}
                    <MessageText text={text} />
                    <span className="meta">
                        {failed ? <Icon name="warning" /> : <><Icon name="clock" /> Sending…</>}
                    </span>
                </div>
                {failed && (
                    <p className="failure" role="alert">
                        Not sent: {failed}
                        <button type="button" className="link" onClick={onRetry}>Retry</button>
                        <button type="button" className="link" onClick={onDiscard}>Discard</button>
                    </p>
                )}
            </div>
        </li>
    );
}
