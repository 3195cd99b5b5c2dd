import type { Message } from 'whisp-sdk';
import { useWhisp } from '../whisp';
import { isolated, listed, summed } from '../words';

/** So many names are in a button's description. */
const MAX_NAMES = 10;

interface Props {
    message: Message;
    nameOf(userId: string): string;
    tabIndex: number;
    onToggle(emoji: string): void;
}

/** Each emoji once, with how many reacted with it. */
export function Reactions({ message, nameOf, tabIndex, onToggle }: Props) {
    const { me } = useWhisp();
    const senders = new Map<string, string[]>();
    for (const { reaction, senderId } of message.reactions) {
        senders.set(reaction, [...senders.get(reaction) ?? [], senderId]);
    }
    return senders.size === 0 ? null : (
        <div className="reactions">
            {[...senders].map(([emoji, ids]) => {
                const names = listed(summed(ids.map((id) => (id === me.userId ? 'you' : isolated(nameOf(id)))), MAX_NAMES));
                return (
                    <button key={emoji} type="button" className="reaction" tabIndex={tabIndex} aria-pressed={ids.includes(me.userId)}
                        title={names} aria-label={`${emoji} ${ids.length}, by ${names}`} onClick={() => onToggle(emoji)}>
                        {emoji} <span>{ids.length}</span>
                    </button>
                );
            })}
        </div>
    );
}
