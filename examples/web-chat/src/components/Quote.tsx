import type { RepliedMessage } from 'whisp-sdk';
import { useWhisp } from '../whisp';

interface Props {
    message: RepliedMessage;
    name: string;
    tabIndex?: number;
    onClick?: () => void;
}

/** The message that another one answers. */
export function Quote({ message, name, tabIndex, onClick }: Props) {
    const { me } = useWhisp();
    const content = (
        <>
            <span className="quote-sender"><bdi>{message.senderId === me.userId ? 'You' : name}</bdi></span>
            <span className="quote-text" dir="auto">{message.content}</span>
        </>
    );
    return onClick
        ? <button type="button" className="quote" title="Go to this message" tabIndex={tabIndex} onClick={onClick}>{content}</button>
        : <div className="quote">{content}</div>;
}
