import type { RepliedMessage } from 'whisp-sdk';
import { useWhisp } from '../whisp';

/** The message that another one answers. */
export function Quote({ message, name, onClick }: { message: RepliedMessage; name: string; onClick?: () => void }) {
    const { me } = useWhisp();
    const content = (
        <>
            <span className="quote-sender">{message.senderId === me.userId ? 'You' : name}</span>
            <span className="quote-text">{message.content}</span>
        </>
    );
    return onClick
        ? <button type="button" className="quote" title="Go to this message" onClick={onClick}>{content}</button>
        : <div className="quote">{content}</div>;
}
