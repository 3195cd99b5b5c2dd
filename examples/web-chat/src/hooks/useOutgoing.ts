import { useCallback, useEffect, useState } from 'react';
import type { RepliedMessage, WhispClient, WhispError } from 'whisp-sdk';
import { allStored, onStored, store } from '../stored';

const PLACE = 'outgoing/';
/** The server knows a clientMessageId for a day: after that, sent again might be sent twice. */
const RESEND_WITHIN_MS = 23 * 3_600_000;

/** A message of ours that the server has not stored yet. */
export interface Outgoing {
    /** Its clientMessageId: sent again under the same one, it cannot become two. */
    id: string;
    chatId: string;
    text: string;
    replyTo: RepliedMessage | null;
    /** When it was written, in ms since 1970. */
    since: number;
    /** Why the server refused it. */
    failed: string | null;
}

export interface Outbox {
    outgoing: Outgoing[];
    send(chatId: string, text: string, replyTo: RepliedMessage | null): void;
    retry(message: Outgoing): void;
    discard(message: Outgoing): void;
}

/**
 * Messages on their way, shown before the server has them. While there is no connection the SDK
 * keeps them; once one is stored, its event brings it as a message, and it is gone from here. They
 * are kept in this browser, too: a reload sends what was waiting.
 */
export function useOutgoing(whisp: WhispClient, userId: string): Outbox {
    const [outgoing, setOutgoing] = useState<Outgoing[]>(() => restore(userId));

    const discard = useCallback(({ id }: Outgoing) => {
        store(userId, PLACE + id, null);
        setOutgoing((all) => all.filter((one) => one.id !== id));
    }, [userId]);

    const deliver = useCallback((message: Outgoing) => {
        const { id, chatId, text, replyTo } = message;
        const settle = (failed: string | null): void => {
            store(userId, PLACE + id, { ...message, failed });
            setOutgoing((all) => all.map((one) => (one.id === id ? { ...one, failed } : one)));
        };
        settle(null);
        const stored = replyTo
            ? whisp.realtime.replyToMessage({ chatId, messageId: replyTo.messageId, message: text, clientMessageId: id })
            : whisp.realtime.sendMessage({ chatId, message: text, clientMessageId: id });
        stored.then(() => discard(message), ({ code, message: why }: WhispError) => {
            if (code !== 'DISCONNECTED') { // that is this page, signed out or closed: the message still waits
                settle(why);
            }
        });
    }, [whisp, userId, discard]);

    const send = useCallback((chatId: string, text: string, replyTo: RepliedMessage | null) => {
        const since = Date.now();
        const id = `${since.toString(36)}-${Math.random().toString(36).slice(2)}`;
        const message = { id, chatId, text, replyTo, since, failed: null };
        setOutgoing((all) => [...all, message]);
        deliver(message);
    }, [deliver]);

    useEffect(() => {
        restore(userId).filter(({ failed }) => failed === null).forEach(deliver);
        return onStored(userId, PLACE, (name, value) => {
            if (value === null) { // another tab that had it, too, is done with it
                setOutgoing((all) => all.filter(({ id }) => PLACE + id !== name));
            }
        });
    }, [userId, deliver]);

    return { outgoing, send, retry: deliver, discard };
}

/** What waited in this browser, oldest first. */
function restore(userId: string): Outgoing[] {
    const now = Date.now();
    return allStored<Outgoing>(userId, PLACE).sort((a, b) => a.since - b.since)
        .map((message) => (message.failed === null && now - message.since > RESEND_WITHIN_MS
            ? { ...message, failed: 'It waited for a day. Look whether it has arrived.' } : message));
}
