import type { Chat } from 'whisp-sdk';
import { elementId } from '../hooks/useJump';
import type { Row } from '../timeline';
import { fullTime, timeOfDay } from '../times';
import { useWhisp } from '../whisp';
import { isolated } from '../words';
import { Avatar } from './Avatar';
import type { MessageCommands } from './ChatView';
import { Icon } from './Icon';
import { MessageActions } from './MessageActions';
import { MessageText } from './MessageText';
import { Names } from './Names';
import { Quote } from './Quote';
import { Reactions } from './Reactions';

/** So many have their names said; of the rest there is a number. */
const MAX_SEEN = 2;

interface Props {
    row: Extract<Row, { kind: 'message' }>;
    chat: Chat;
    nameOf(userId: string): string;
    commands: MessageCommands;
    /** Who has read this one of ours, and none after it. */
    seen: string[] | undefined;
    marked: boolean;
    /** The one message in the order of Tab; the arrow keys go to the others. */
    current: boolean;
    /** Tapped: where there is no pointer to hover with, that shows the actions. */
    active: boolean;
    onActivate(messageId: string | null): void;
    onJump(messageId: string): void;
}

export function MessageItem({ row, chat, nameOf, commands, seen, marked, current, active, onActivate, onJump }: Props) {
    const { me } = useWhisp();
    const { message, firstOfGroup, lastOfGroup } = row;
    const { messageId, senderId, content, timeStamp, edited, replyTo } = message;
    const mine = senderId === me.userId;
    const tabIndex = current ? 0 : -1;
    const name = mine ? 'You' : nameOf(senderId);
    const className = ['message', mine && 'mine', firstOfGroup && 'first', lastOfGroup && 'last', marked && 'marked', active && 'active'];

    return (
        <li id={elementId(messageId)} data-message-id={messageId} tabIndex={tabIndex} className={className.filter(Boolean).join(' ')}>
            {!mine && lastOfGroup && <Avatar id={senderId} name={nameOf(senderId)} small />}
            <div className="message-body">
                <span className={firstOfGroup && !mine ? 'sender' : 'hidden'}><bdi>{name}</bdi></span>
                <div className="bubble-row">
                    <div className="bubble" onClick={() => onActivate(active ? null : messageId)}>
                        {replyTo && <Quote message={replyTo} name={nameOf(replyTo.senderId)} tabIndex={tabIndex} onClick={() => onJump(replyTo.messageId)} />}
                        <MessageText text={content} tabIndex={tabIndex} />
                        <span className="meta">
                            {edited && <span>edited</span>}
                            <time dateTime={timeStamp} title={fullTime(timeStamp)}>{timeOfDay(timeStamp)}</time>
                            {mine && <span className="delivered" role="img" aria-label="Delivered" title="Delivered"><Icon name="check" /></span>}
                        </span>
                    </div>
                    <MessageActions message={message} canEdit={mine} canDelete={mine || chat.creator === me.userId}
                        commands={commands} onDone={() => onActivate(null)} />
                </div>
                <Reactions message={message} nameOf={nameOf} tabIndex={tabIndex} onToggle={(emoji) => commands.react(message, emoji)} />
                {seen && <p className="seen" title={seen.map(isolated).join(', ')}>Seen by <Names names={seen} max={MAX_SEEN} /></p>}
            </div>
        </li>
    );
}
