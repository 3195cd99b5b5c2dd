// What the list of messages shows, row by row: days, and messages in groups of one sender.

import type { ChatUser, Message } from 'whisp-sdk';
import { dayName } from './times';

const GROUP_MS = 5 * 60_000;

export type Row =
    | { kind: 'day'; key: string; label: string }
    | { kind: 'message'; key: string; message: Message; firstOfGroup: boolean; lastOfGroup: boolean };

export function timeline(messages: Message[]): Row[] {
    const rows: Row[] = [];
    messages.forEach((message, i) => {
        const before = messages[i - 1], after = messages[i + 1];
        const label = dayName(message.timeStamp);
        if (!before || dayName(before.timeStamp) !== label) {
            rows.push({ kind: 'day', key: `day ${message.timeStamp.slice(0, 10)} ${label}`, label });
        }
        rows.push({
            kind: 'message', key: message.messageId, message,
            firstOfGroup: !before || !together(before, message),
            lastOfGroup: !after || !together(message, after),
        });
    });
    return rows;
}

function together(a: Message, b: Message): boolean {
    return a.senderId === b.senderId && dayName(a.timeStamp) === dayName(b.timeStamp) &&
        Date.parse(b.timeStamp) - Date.parse(a.timeStamp) < GROUP_MS;
}

/** For my messages, who has read up to them and not up to a later one of mine: usernames by id. */
export function seenBy(messages: Message[], members: ChatUser[], myId: string): Map<string, string[]> {
    const seen = new Map<string, string[]>();
    for (const { userId, username, lastSeenMessage } of members) {
        let i = userId === myId ? -1 : messages.findIndex(({ messageId }) => messageId === lastSeenMessage);
        while (i >= 0 && messages[i]?.senderId !== myId) {
            i--;
        }
        const message = messages[i];
        if (message) {
            seen.set(message.messageId, [...seen.get(message.messageId) ?? [], username]);
        }
    }
    return seen;
}
