// What the REST API takes and gives. Ids are UUIDs as text, times RFC 3339 in UTC.

/** A sign-in: what a browser gets from your backend. */
export interface AuthState {
    /** Short-lived; renewed by itself. */
    jwt: string;
    /** Long-lived; keep it like a password. */
    refreshToken: string;
    userId: string;
}

export interface RegisterUserRequest {
    username: string;
    email: string;
    password: string;
    firstName?: string | null;
    surName?: string | null;
}

export interface RegisteredUser {
    id: string;
    username: string;
    email: string;
}

export interface SignInRequest {
    username: string;
    password: string;
}

export type Role = 'USER' | 'ADMIN';

/** The user, and in `jwt`, `refreshToken` and `userId` what `setAuth()` takes elsewhere. */
export interface SignInResult extends AuthState {
    id: string;
    username: string;
    email: string;
    roles: Role[];
}

export interface User {
    id: string;
    username: string;
    email: string;
    role: Role[];
    firstName: string | null;
    surName: string | null;
}

export interface CreateChatRequest {
    chatName: string;
    /** Two or more, your own among them. */
    userNames: string[];
}

export interface Chat {
    chatId: string;
    chatName: string;
    lastMessageTimestamp: string | null;
    lastMessage: string | null;
    createdAt: string;
    /** User id. */
    creator: string;
    /** More than two members. */
    groupChat: boolean;
    /** Messages of others after your mark; counted up to what the server is set to, 100 as it comes. */
    unreadCount: number;
    /** The `seq` of the newest event that all this takes account of. */
    lastSeq: number;
}

export interface ChatsPage {
    chats: Chat[];
    nextCursor: string | null;
}

export interface ChatUser {
    userId: string;
    username: string;
    joinedChatAt: string;
    /** Id of the last message the user has read. */
    lastSeenMessage: string | null;
    online: boolean;
    /** When the last session ended; null while one is open and when there was none. */
    lastSeenAt: string | null;
}

export interface ChatUsers {
    users: ChatUser[];
    /** Null: these are all. */
    nextCursor: string | null;
}

export interface AddUserRequest {
    chatId: string;
    newUsername: string;
}

export interface RemoveUserRequest {
    chatId: string;
    /** User id. */
    removeUser: string;
}

export interface ChangeChatNameRequest {
    chatId: string;
    newChatName: string;
}

export interface Reaction {
    reactionId: string;
    chatId: string;
    messageId: string;
    senderId: string;
    reaction: string;
    createdAt: string;
}

/** The message that a reply answers, as it is now. */
export interface RepliedMessage {
    chatId: string;
    timeStamp: string;
    messageId: string;
    senderId: string;
    content: string;
    edited: boolean;
    editedAt: string | null;
}

/** A message of history, or the one that a reply answers: that has neither of the last two. */
export interface MessageContent extends RepliedMessage {
    replyTo?: MessageContent | null;
    reactions?: Reaction[];
    /** Deleted since, and known by nothing but this: every text of it is empty. */
    deleted?: true;
}

export interface Message extends RepliedMessage {
    /** The sender's username as it is now, of one who left the chat too; only in pages of history. */
    senderName?: string;
    replyTo: RepliedMessage | null;
    reactions: Reaction[];
}

/** Newest first. */
export interface MessagesPage {
    messages: Message[];
}

/** The last argument of every REST call. */
export interface RequestOptions {
    /** Ends the call; it rejects with the signal's reason. */
    signal?: AbortSignal;
    /** Milliseconds until the call rejects with `TIMEOUT`; the client's `timeout` by default. */
    timeout?: number;
}

export interface HistoryOptions extends RequestOptions {
    /** False: what is read, in the background perhaps, does not move your mark; true by default. */
    mark?: boolean;
}
