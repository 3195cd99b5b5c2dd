import type { Message } from 'whisp-sdk';
import { useWhisp } from '../whisp';
import { listed } from '../words';

interface Props {
    message: Message;
    nameOf(userId: string): string;
    onToggle(emoji: string): void;
}

/** Each emoji once, with how many reacted with it. */
export function Reactions({ message, nameOf, onToggle }: Props) {
    const { me } = useWhisp();
    const senders = new Map<string, string[]>();
    for (const { reaction, senderId } of message.reactions) {
        senders.set(reaction, [...senders.get(reaction) ?? [], senderId]);
    }
    return senders.size === 0 ? null : (
        <div className="reactions">
            {[...senders].map(([emoji, ids]) => {
                const names = listed(ids.map((id) => (id === me.userId ? 'you' : nameOf(id))));
                return (
                    <button key={emoji} type="button" className="reaction" aria-pressed={ids.includes(me.userId)}
                        title={names} aria-label={`${emoji} ${ids.length}, by ${names}`} onClick={() => onToggle(emoji)}>
                        {emoji} <span>{ids.length}</span>
                    </button>
                );
            })}
        </div>
    );
}
