// Code as the documents have it. It is compiled and not run: that it compiles is the test.

import WebSocket from 'ws';
import { type AuthState, WhispClient, WhispError } from '../../src/index.js';

declare const chatId: string, messageId: string, oldestMessageId: string;
declare const jwt: string, refreshToken: string, userId: string;

export async function node(): Promise<void> {
    const whisp = new WhispClient({
        baseUrl: 'https://demo.api.whispchat.com',
        apiKey: process.env.WHISP_API_KEY,
        webSocketImpl: WebSocket,
    });
    await whisp.registerUser({ username: 'ann', email: 'ann@example.com', password: '…', firstName: 'Ann', surName: 'Lee' });
    await whisp.signIn({ username: 'ann', password: '…' });
    const auth: AuthState | null = whisp.getAuth();
    await whisp.refresh();
    await whisp.logout();
    await whisp.logoutAll();
    void auth;
}

export async function browser(): Promise<void> {
    const whisp = new WhispClient({ baseUrl: 'https://demo.api.whispchat.com' });
    whisp.setAuth({ jwt, refreshToken, userId });
    if (whisp.isAuthenticated) {
        await whisp.realtime.connect();
    }
    const unsubscribe = whisp.realtime.on('message', (event) => {
        console.log(event.chatId, event.message, event.messageId, event.timeStamp, event.senderId);
    });
    unsubscribe();
    whisp.realtime.on('messageEdited', (event) => console.log(event.chatId, event.messageId, event.message, event.editedAt));
    whisp.realtime.on('messageDeleted', (event) => console.log(event.chatId, event.messageId, event.timeStamp));
    whisp.realtime.on('reply', (event) => console.log(event.chatId, event.messageId, event.replyTo?.messageId));
    whisp.realtime.on('typing', (event) => console.log(event.chatId, event.senderId, event.recipientId));
    whisp.realtime.on('reaction', (event) => console.log(event.chatId, event.parentMessageId, event.message));
    whisp.realtime.on('reactionDeleted', (event) => console.log(event.chatId, event.messageId));
    whisp.realtime.on('messageRead', (event) => console.log(event.chatId, event.messageId, event.senderId));
    whisp.realtime.on('userJoined', (event) => console.log(event.chatId, event.message, event.username));
    whisp.realtime.on('userLeft', (event) => console.log(event.chatId, event.senderId, event.timeStamp));
    whisp.realtime.on('chatCreated', (event) => console.log(event.chatId, event.message));
    whisp.realtime.on('chatDeleted', (event) => console.log(event.chatId));
    whisp.realtime.on('connected', () => console.log(whisp.realtime.connected));
    whisp.realtime.on('disconnected', ({ reason, willReconnect }) => console.log(reason, willReconnect));
    whisp.realtime.on('reconnecting', ({ attempt }) => console.log(attempt));
    whisp.realtime.on('error', ({ error }) => console.log(error.status, error.message, error.body));

    const { messages } = await whisp.getMessages(chatId, 50);
    const older = await whisp.getMessages(chatId, 50, oldestMessageId);
    console.log(messages[0]?.reactions[0]?.reactionId, older.messages.length);
    const { chats } = await whisp.getChats(0, 20);
    const { users } = await whisp.getChatUsers(chats[0]?.chatId ?? '');
    console.log(users[0]?.username);

    void whisp.realtime.sendMessage(chatId, 'Hello');
    await whisp.realtime.sendMessage({ chatId, message: 'Hello' });
    await whisp.realtime.removeReaction(messageId);
    whisp.realtime.removeAllListeners('message');
    whisp.realtime.removeAllListeners();
    whisp.realtime.disconnect();
}

export function failed(error: unknown): string {
    return error instanceof WhispError ? `${error.status} ${error.message} ${error.code} ${error.retryable}` : 'other';
}
