// What the list of messages shows, row by row: days, who came and went, where the unread begin, and
// messages in groups of one sender.

import type { Chat, ChatUser, Message } from 'whisp-sdk';
import type { Notice } from './hooks/useNotices';
import { dayName } from './times';

const GROUP_MS = 5 * 60_000;
/** Who joined so soon was in the chat from its beginning. */
const FOUNDING_MS = 2_000;

export type Row =
    | { kind: 'day'; key: string; label: string }
    | { kind: 'unread'; key: string }
    | { kind: 'notice'; key: string; notice: Notice }
    | { kind: 'message'; key: string; message: Message; firstOfGroup: boolean; lastOfGroup: boolean };

type Item = { at: string; message?: Message; notice?: Notice };

/** Notices before the first message are left out while there are older ones. */
export function timeline(messages: Message[], notices: Notice[] = [], unreadFrom: string | null = null, hasMore = false): Row[] {
    const rows: Row[] = [];
    const since = hasMore ? messages[0]?.timeStamp ?? '' : '';
    const items = merged(messages, notices.filter(({ at }) => at >= since));
    items.forEach((item, i) => {
        const before = items[i - 1], after = items[i + 1];
        const label = dayName(item.at);
        if (!before || dayName(before.at) !== label) {
            rows.push({ kind: 'day', key: `day ${item.at.slice(0, 10)} ${label}`, label });
        }
        if (item.notice) {
            rows.push({ kind: 'notice', key: item.notice.id, notice: item.notice });
        } else if (item.message) {
            const { message } = item;
            const isFirstUnread = message.messageId === unreadFrom;
            if (isFirstUnread) {
                rows.push({ kind: 'unread', key: 'unread' });
            }
            rows.push({
                kind: 'message', key: message.messageId, message,
                firstOfGroup: isFirstUnread || !before?.message || !together(before.message, message),
                lastOfGroup: !after?.message || after.message.messageId === unreadFrom || !together(message, after.message),
            });
        }
    });
    return rows;
}

/** The messages keep the order that they have; a notice stands before the first message that is later. */
function merged(messages: Message[], notices: Notice[]): Item[] {
    const waiting = notices.map((notice): Item => ({ at: notice.at, notice })).sort((a, b) => (a.at < b.at ? -1 : 1));
    const items: Item[] = [];
    for (const message of messages) {
        while (waiting[0] && waiting[0].at < message.timeStamp) {
            items.push(waiting.shift() as Item);
        }
        items.push({ at: message.timeStamp, message });
    }
    return [...items, ...waiting];
}

function together(a: Message, b: Message): boolean {
    return a.senderId === b.senderId && dayName(a.timeStamp) === dayName(b.timeStamp) &&
        Date.parse(b.timeStamp) - Date.parse(a.timeStamp) < GROUP_MS;
}

/** The notices of a chat in order. When its members joined the server knows, whatever this device has seen. */
export function noticesOf(chat: Chat, members: ChatUser[] | null, seen: Notice[]): Notice[] {
    const joined = (members ?? [])
        .filter(({ joinedChatAt }) => Date.parse(joinedChatAt) - Date.parse(chat.createdAt) > FOUNDING_MS)
        .map(({ userId, username, joinedChatAt }): Notice =>
            ({ id: `joined ${userId}`, chatId: chat.chatId, at: joinedChatAt, kind: 'joined', name: username }));
    const here = seen.filter(({ chatId }) => chatId === chat.chatId);
    const isKnown = (notice: Notice, i: number): boolean => notice.kind === 'joined' &&
        joined.some(({ name }) => name === notice.name) &&
        !here.slice(i + 1).some(({ kind, name }) => kind === 'joined' && name === notice.name);
    return [...here.filter((notice, i) => !isKnown(notice, i)), ...joined];
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
