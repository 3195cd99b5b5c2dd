// The documents' code, snippet for snippet, and the fields of their tables. It is compiled and not
// run: that it compiles is the test. Around the snippets stands only what they leave to the reader.

import { WhispClient } from "whisp-sdk";
import WebSocket from "ws";
import { type AuthState, WhispError } from "whisp-sdk";

declare const chatId: string, messageId: string, oldestMessageId: string;
declare const jwt: string, refreshToken: string, userId: string;
declare const whisp: WhispClient;

// ------------------------------------------------------------ initialization

export function node(): WhispClient {
    const whisp = new WhispClient({
        baseUrl: "https://demo.api.whispchat.com", // base_url from setup
        apiKey: process.env.WHISP_API_KEY, // api_key from setup
        webSocketImpl: WebSocket, // required for realtime in Node.js
    });
    return whisp;
}

/** Realtime fails to connect in Node.js. */
export function troubleshooting(): WhispClient {
    const whisp = new WhispClient({
        baseUrl: "…",
        apiKey: process.env.WHISP_API_KEY,
        webSocketImpl: WebSocket, // <-- this line
    });
    return whisp;
}

export function browser(): WhispClient {
    // Browser apps must NOT use the API key directly.
    // Your backend calls registerUser/signIn with the API key,
    // then forwards the JWT + refreshToken + userId to the browser.
    const whisp = new WhispClient({
        baseUrl: "https://demo.api.whispchat.com",
    });

    // Tokens received from your backend's auth proxy endpoint
    whisp.setAuth({ jwt, refreshToken, userId });
    return whisp;
}

// ------------------------------------------------------------ sign-in

export async function authentication(): Promise<void> {
    await whisp.registerUser({ username: 'ann', email: 'ann@example.com', password: '…', firstName: 'Ann', surName: 'Lee' });
    const forwarded: AuthState = await whisp.signIn({ username: 'ann', password: '…' });
    const auth: AuthState | null = whisp.getAuth();
    const renewed: boolean = await whisp.refresh();
    await whisp.logout();
    await whisp.logoutAll();
    void [forwarded, auth, renewed];
}

/** "401 Unauthorized" loops. */
export function signedOutElsewhere(): void {
    const authenticated: boolean = whisp.isAuthenticated;
    whisp.realtime.disconnect();
    // have the user sign in again → whisp.setAuth({...})
    whisp.setAuth({ jwt, refreshToken, userId });
    void authenticated;
}

// ------------------------------------------------------------ connect, disconnect, listen

export async function connection(): Promise<void> {
    await whisp.realtime.connect();
    whisp.realtime.disconnect();
}

export function listening(): void {
    const unsubscribe = whisp.realtime.on("message", (event) => {
        console.log(event.chatId, event.message);
    });
    // later
    unsubscribe();

    whisp.realtime.removeAllListeners();
}

// ------------------------------------------------------------ the twelve events, with their tables

interface OfChat {
    chatId: string;
    recipientId: string;
    senderId: string;
}

interface Original {
    chatId: string;
    timeStamp: string;
    messageId: string;
    senderId: string;
    content: string;
    edited: boolean;
    editedAt: string | null;
}

function documented<T>(_event: T): void {
    // the type is all
}

export function newMessage(): () => void {
    const unsubscribe = whisp.realtime.on("message", (event) => {
        console.log("new message", event.chatId, event.messageId, event.message);
        documented<OfChat & { type: "SEND_MSG"; timeStamp: string; message: string; messageId: string }>(event);
    });
    return unsubscribe;
}

export function messageEdited(): () => void {
    const unsubscribe = whisp.realtime.on("messageEdited", (event) => {
        console.log("message edited", event.chatId, event.messageId, event.message);
        documented<OfChat & { type: "EDIT_MSG"; message: string; messageId: string; editedAt: string }>(event);
    });
    return unsubscribe;
}

export function messageDeleted(): () => void {
    const unsubscribe = whisp.realtime.on("messageDeleted", (event) => {
        console.log("message deleted", event.chatId, event.messageId);
        documented<OfChat & { type: "DELETE_MSG"; messageId: string; timeStamp: string }>(event);
    });
    return unsubscribe;
}

export function reply(): () => void {
    const unsubscribe = whisp.realtime.on("reply", (event) => {
        console.log("reply", event.chatId, event.messageId, event.replyTo?.messageId);
        documented<OfChat & { type: "REPLY"; messageId: string; message: string; timeStamp: string;
                              replyTo: Original | null }>(event);
    });
    return unsubscribe;
}

export function typing(): () => void {
    const unsubscribe = whisp.realtime.on("typing", (event) => {
        console.log("typing", event.chatId, event.senderId);
        documented<OfChat & { type: "TYPING" }>(event);
    });
    return unsubscribe;
}

export function reaction(): () => void {
    const unsubscribe = whisp.realtime.on("reaction", (event) => {
        console.log("reaction", event.chatId, event.parentMessageId, event.message);
        documented<OfChat & { type: "REACT"; messageId: string; message: string; parentMessageId: string;
                              timeStamp: string }>(event);
        // messageId is the reaction's id
        void whisp.realtime.removeReaction(event.messageId);
    });
    return unsubscribe;
}

export function reactionDeleted(): () => void {
    const unsubscribe = whisp.realtime.on("reactionDeleted", (event) => {
        console.log("reaction deleted", event.chatId, event.messageId);
        documented<OfChat & { type: "DELETE_REACT"; messageId: string }>(event);
    });
    return unsubscribe;
}

export function messageRead(): () => void {
    const unsubscribe = whisp.realtime.on("messageRead", (event) => {
        console.log("read receipt", event.chatId, event.messageId, event.senderId);
        documented<OfChat & { type: "READ_MSG"; messageId: string }>(event);
    });
    return unsubscribe;
}

export function userJoined(): () => void {
    const unsubscribe = whisp.realtime.on("userJoined", (event) => {
        console.log("user joined", event.chatId, event.message, event.username);
        documented<OfChat & { type: "USER_JOIN"; message: string; username: string }>(event);
    });
    return unsubscribe;
}

export function userLeft(): () => void {
    const unsubscribe = whisp.realtime.on("userLeft", (event) => {
        console.log("user left", event.chatId, event.senderId);
        documented<OfChat & { type: "USER_LEAVE"; message: string; timeStamp: string }>(event);
    });
    return unsubscribe;
}

export function chatCreated(): () => void {
    const unsubscribe = whisp.realtime.on("chatCreated", (event) => {
        console.log("chat created", event.chatId, event.message);
        documented<OfChat & { type: "NEW_CHAT"; timeStamp: string; message: string }>(event);
    });
    return unsubscribe;
}

export function chatDeleted(): () => void {
    const unsubscribe = whisp.realtime.on("chatDeleted", (event) => {
        console.log("chat deleted", event.chatId);
        documented<OfChat & { type: "DELETE_CHAT" }>(event);
    });
    return unsubscribe;
}

// ------------------------------------------------------------ history

export async function backfill(): Promise<void> {
    // latest messages
    const { messages } = await whisp.getMessages(chatId, 50);
    // older messages (cursor-based pagination)
    const older = await whisp.getMessages(chatId, 50, oldestMessageId);
    const reactionId: string | undefined = messages[0]?.reactions[0]?.reactionId;
    void [older.messages, reactionId];
}

// ------------------------------------------------------------ calls that the documents name

export async function calls(): Promise<void> {
    const { chats } = await whisp.getChats(0, 20);
    const { users } = await whisp.getChatUsers(chats[0]?.chatId ?? '');
    console.log(users[0]?.username);
    void whisp.realtime.sendMessage(chatId, 'Hello');
    await whisp.realtime.sendMessage({ chatId, message: 'Hello' });
    await whisp.realtime.editMessage(chatId, messageId, 'Hello!');
    await whisp.realtime.addReaction(chatId, messageId, '👍');
    await whisp.realtime.markAsRead(chatId, messageId);
    whisp.realtime.on('connected', () => console.log(whisp.realtime.connected));
    whisp.realtime.on('disconnected', ({ reason, willReconnect }) => console.log(reason, willReconnect));
    whisp.realtime.on('reconnecting', ({ attempt }) => console.log(attempt));
    whisp.realtime.on('presence', ({ userId, status }) => console.log(userId, status));
    whisp.realtime.on('error', ({ error }) => console.log(error.status, error.message, error.body));
    whisp.realtime.removeAllListeners('message');
}

export function failed(error: unknown): string {
    return error instanceof WhispError ? `${error.status} ${error.message} ${error.code} ${error.retryable}` : 'other';
}
