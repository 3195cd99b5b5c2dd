import { useEffect, useRef, useState } from 'react';
import type { WhispClient } from 'whisp-sdk';
import { readStored, store } from '../stored';

const PLACE = 'notices';
const MAX_NOTICES = 200;

/** Who came and went, told between the messages. */
export interface Notice {
    /** The event's id. */
    id: string;
    chatId: string;
    at: string;
    kind: 'joined' | 'left' | 'renamed';
    /** The username, or the chat's new name. */
    name: string;
}

/** The newest of all chats, as they were seen on this device. History knows messages only. */
export function useNotices(whisp: WhispClient, userId: string): Notice[] {
    const [notices, setNotices] = useState<Notice[]>(() => readStored<Notice[]>(userId, PLACE) ?? []);
    const latest = useRef(notices);

    useEffect(() => {
        const { realtime } = whisp;
        const add = (notice: Notice): void => {
            if (!latest.current.some(({ id }) => id === notice.id)) {
                latest.current = [...latest.current, notice].slice(-MAX_NOTICES);
                store(userId, PLACE, latest.current);
                setNotices(latest.current);
            }
        };
        const now = (): string => new Date().toISOString();
        const unsubscribe = [
            realtime.on('userJoined', ({ eventId, chatId, username, message }) => message !== userId &&
                add({ id: eventId, chatId, at: now(), kind: 'joined', name: username })),
            realtime.on('userLeft', ({ eventId, chatId, timeStamp, message, senderId }) => senderId !== userId &&
                add({ id: eventId, chatId, at: timeStamp, kind: 'left', name: message.replace(/ left the Chat$/, '') })),
            realtime.on('chatRenamed', ({ eventId, chatId, timeStamp, message }) =>
                add({ id: eventId, chatId, at: timeStamp, kind: 'renamed', name: message })),
        ];
        return () => unsubscribe.forEach((stop) => stop());
    }, [whisp, userId]);

    return notices;
}
