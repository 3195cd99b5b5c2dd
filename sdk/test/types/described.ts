// The SDK's types are those of docs/openapi: the same fields, each of the same type, as optional and
// as nullable. It is compiled and not run. Where they differ the compiler names schema and field:
// Type '"Chat.unreadCount"' does not satisfy the constraint 'never'.

import type * as sdk from '../../src/index.js';
import type { Action } from '../../src/outbox.js';
import type { components as chat, operations as Operations } from './made/chat.js';
import type { components as realtime } from './made/realtime.js';

type Client = sdk.WhispClient;
type Takes<M extends keyof Client, N extends number> =
    Client[M] extends (...args: infer A) => unknown ? A[N] : never;
type Gives<M extends keyof Client> =
    Client[M] extends (...args: never[]) => Promise<infer R> ? R : never;

/** The documented SDK knows administrators, too; no user of a server is one. */
type Users<T, F extends keyof T> = { [K in keyof T]: K extends F ? 'USER'[] : T[K] };
/** Without what is from a header, and `id` by another name. */
type Answered = Users<Omit<sdk.SignInResult, 'jwt' | 'userId'>, 'roles'>;
/** The SDK puts a message without a text where the original is deleted. */
type OnWire<E> = E extends sdk.MessageRepliedEvent ? Omit<E, 'replyTo'> & { replyTo: sdk.RepliedMessage | null } : E;

/** Of each schema of chat.json what the SDK has for it. */
interface Schemas {
    NewUser: sdk.RegisterUserRequest;
    User: sdk.RegisteredUser;
    SignedIn: Answered;
    Profile: Users<sdk.User, 'role'>;
    Chat: sdk.Chat;
    Chats: sdk.ChatsPage;
    Member: sdk.ChatUser;
    Members: sdk.ChatUsers;
    Original: sdk.RepliedMessage;
    Reaction: sdk.Reaction;
    Message: sdk.Message;
    Messages: sdk.MessagesPage;
}

/** Parts of other schemas, and what the SDK does not show. */
type Parts = 'Id' | 'Time' | 'Username' | 'Text' | 'ChatName' | 'Event' | 'Stored' | 'Deletable' |
    'Error' | 'Unauthorized' | 'Empty' | 'Ticket' | 'Missed' | 'SyncEvent' | 'SockjsInfo' |
    'MessageHeaders' | 'SendHeaders';

/** Of each event, by its type. */
type Sent = { [E in sdk.ServerEvent as E['type']]: OnWire<E> };

/** Of each operation of chat.json what the SDK sends in query and body, and what it gives. */
interface Calls {
    registerUser: { body: Takes<'registerUser', 0>; answer: Gives<'registerUser'> };
    signin: { body: sdk.SignInRequest; answer: Answered };
    refresh: { body: { expiredJwt: sdk.AuthState['jwt'] }; answer: void };
    logout: { body: Pick<sdk.AuthState, 'refreshToken'>; answer: Gives<'logout'> };
    logoutAll: { answer: Gives<'logoutAll'> };
    getUser: { answer: Users<Gives<'getUser'>, 'role'> };
    changeUsername: { body: Takes<'changeUsername', 0>; answer: Gives<'changeUsername'> };
    deleteUser: { answer: Gives<'deleteUser'> };
    createChat: { body: sdk.CreateChatRequest; answer: Gives<'createChat'> };
    getChats: {
        query: { page?: Takes<'getChats', 0>; size?: Takes<'getChats', 1>; cursor?: string };
        answer: Gives<'getChats'>;
    };
    getUsers: { query: { size?: number; cursor?: string }; answer: Gives<'getChatUsers'> };
    addUser: { body: sdk.AddUserRequest; answer: Gives<'addUserToChat'> };
    removeUser: { body: sdk.RemoveUserRequest; answer: Gives<'removeUserFromChat'> };
    changeName: { body: sdk.ChangeChatNameRequest; answer: Gives<'changeChatName'> };
    deleteChat: { query: { chatId: Takes<'deleteChat', 0> }; answer: Gives<'deleteChat'> };
    getMessages: {
        query: { size?: Takes<'getMessages', 1>; lastMessage?: Takes<'getMessages', 2>; mark?: sdk.HistoryOptions['mark'] };
        answer: Gives<'getMessages'>;
    };
}

/** Not calls of the SDK: the older name of one, resume by REST, and what is not of the chat API. */
type NotCalled = 'getTicket' | 'getTicketOlder' | 'sync' | 'connect' | 'connectRaw' |
    `sockjs${string}` | 'getIndex' | 'getLivez' | 'getReadyz' | 'getOpenapi' | 'getAsyncapi' | `getReference${string}`;

/** Of each action what the caller gives. */
interface Actions {
    SEND_MSG: sdk.SendMessageRequest;
    EDIT_MSG: sdk.EditMessageRequest;
    DELETE_MSG: sdk.MessageReference;
    REPLY: sdk.ReplyRequest;
    TYPING: Parameters<sdk.Realtime['sendTyping']>[0];
    REACT: sdk.ReactionRequest;
    DELETE_REACT: Parameters<sdk.Realtime['removeReaction']>[0];
    READ_MSG: sdk.MessageReference;
}

// ------------------------------------------------------------ the documents, in the same form

/** Only the codes of today are described; the SDK leaves room for more. */
type Events = { [E in keyof Sent]: E extends 'ERROR'
    ? Omit<realtime['schemas'][E], 'code'> & { code: string }
    : realtime['schemas'][E]
};

/** `type` is the table's own key, and the other two are not looked at. */
type Acts = {
    [T in keyof Actions]: Omit<realtime['schemas'][`${T}_action`], 'type' | 'senderId' | 'timeStamp'>
};

type Json<T> = T extends { content: { 'application/json': infer B } } ? B : never;
type Done<R> = R extends { 200: infer A } | { 201: infer A } ? Json<A> : never;
type Given<A> = Same<A, chat['schemas']['Empty']> extends true ? void : A;
type Only<T> = { [K in keyof T as [T[K]] extends [never] ? never : K]: T[K] };
type Called = { [O in keyof Calls]: Only<{
    query: NonNullable<Operations[O]['parameters']['query']>;
    body: Json<Operations[O]['requestBody']>;
    answer: Given<Done<Operations[O]['responses']>>;
}> };

// ------------------------------------------------------------ the comparison

type Plain<T> = T extends readonly (infer E)[] ? Plain<E>[]
    : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
type Differs<A, B> = {
    [K in keyof A | keyof B]-?: K extends keyof A & keyof B
        ? Same<Plain<Pick<A, K>>, Plain<Pick<B, K>>> extends true ? never : K : K
}[keyof A | keyof B] & string;
type Wrong<A, B> = {
    [N in keyof A & keyof B & string]: `${N}.${Differs<A[N], B[N]>}`
}[keyof A & keyof B & string];

type Differences =
    | Wrong<Schemas, chat['schemas']>
    | Wrong<Schemas, realtime['schemas']>
    | Wrong<Calls, Called>
    | Wrong<Sent, Events>
    | Wrong<Sent, chat['schemas']>
    | Wrong<Actions, Acts>;

type Missing =
    | Exclude<keyof chat['schemas'], keyof Schemas | keyof Sent | Parts>
    | Exclude<keyof realtime['schemas'], keyof Schemas | keyof Sent | `${keyof Actions}_action` | Parts>
    | Exclude<keyof Operations, keyof Calls | NotCalled>
    | Exclude<Action['type'], keyof Actions>;

export const differences: Record<Differences, never> = {};
export const missing: Record<Missing, never> = {};
