import { useCallback, useState } from 'react';
import type { RepliedMessage, WhispClient } from 'whisp-sdk';

/** A message of ours that the server has not stored yet. */
export interface Outgoing {
    /** Its clientMessageId: sent again under the same one, it cannot become two. */
    id: string;
    chatId: string;
    text: string;
    replyTo: RepliedMessage | null;
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
 * keeps them; once one is stored, its event brings it as a message, and it is gone from here.
 */
export function useOutgoing(whisp: WhispClient): Outbox {
    const [outgoing, setOutgoing] = useState<Outgoing[]>([]);

    const discard = useCallback(({ id }: Outgoing) => setOutgoing((all) => all.filter((one) => one.id !== id)), []);

    const deliver = useCallback((message: Outgoing) => {
        const { id, chatId, text, replyTo } = message;
        const settle = (failed: string | null): void =>
            setOutgoing((all) => all.map((one) => (one.id === id ? { ...one, failed } : one)));
        settle(null);
        const stored = replyTo
            ? whisp.realtime.replyToMessage({ chatId, messageId: replyTo.messageId, message: text, clientMessageId: id })
            : whisp.realtime.sendMessage({ chatId, message: text, clientMessageId: id });
        stored.then(() => discard(message), (error: Error) => settle(error.message));
    }, [whisp, discard]);

    const send = useCallback((chatId: string, text: string, replyTo: RepliedMessage | null) => {
        const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
        const message = { id, chatId, text, replyTo, failed: null };
        setOutgoing((all) => [...all, message]);
        deliver(message);
    }, [deliver]);

    return { outgoing, send, retry: deliver, discard };
}
