// The documented SDK's names for what an app reads and writes, for code that was written for it. A
// documented field has its documented type; what a Whisp server adds is optional here, so that a
// value made by hand from the documents is one, too. What calls and events give is assignable to it.

import type {
    ChatCreatedEvent, ChatDeletedEvent, MessageDeletedEvent, MessageEditedEvent, MessageEvent,
    MessageReadEvent, ReactionDeletedEvent, ReactionEvent, ReplyEvent, StoredEvent, TypingEvent,
    UserJoinedEvent, UserLeftEvent, WhispEvents,
} from './events.js';
import type { Chat, ChatsPage, ChatUser, MessageContent, SignInResult, User } from './types.js';

type WithOptional<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;
type Unnumbered<E extends StoredEvent> = WithOptional<E, 'eventId' | 'seq'>;

export type UserInfo = User;
/** `jwt` and `userId` are not in the answer's body; `signIn()` adds them. */
export type SignInResponse = WithOptional<SignInResult, 'jwt' | 'userId'>;
export type ChatDetails = WithOptional<Chat, 'unreadCount' | 'lastSeq'>;
export interface ChatsListResponse extends Partial<Omit<ChatsPage, 'chats'>> {
    chats: ChatDetails[];
}
export type ChatUserInfo = WithOptional<ChatUser, 'online' | 'lastSeenAt'>;
export interface ChatUsersResponse {
    users: ChatUserInfo[];
}
export interface MessagesResponse {
    messages: MessageContent[];
}
export interface TicketResponse {
    ticket: string;
}

/** The body of an answer other than 2xx and 401: `WhispError.body`. */
export interface ErrorMessage {
    message: string;
    code?: string;
}

/** The body of a 401. */
export interface AuthErrorResponse {
    type: string;
    title: string;
    /** "401", as text. */
    status: string;
    detail: string;
    instance: string;
    code: string;
    message: string;
}

export interface ChangeUsernameRequest {
    newUsername: string;
}

export type SendMsgEvent = Unnumbered<MessageEvent>;
export type EditMsgEvent = Unnumbered<MessageEditedEvent>;
export type DeleteMsgEvent = Unnumbered<MessageDeletedEvent>;
export type ReactEvent = Unnumbered<ReactionEvent>;
export type DeleteReactEvent = Unnumbered<ReactionDeletedEvent>;
export type ReadMsgEvent = MessageReadEvent;
export type UserJoinEvent = Unnumbered<UserJoinedEvent>;
export type UserLeaveEvent = Unnumbered<UserLeftEvent>;
export type NewChatEvent = Unnumbered<ChatCreatedEvent>;
export type DeleteChatEvent = Unnumbered<ChatDeletedEvent>;

/** The twelve documented events; {@link WhispEvents} has all. */
export interface RealtimeEventMap {
    message: SendMsgEvent;
    messageEdited: EditMsgEvent;
    messageDeleted: DeleteMsgEvent;
    reply: ReplyEvent;
    typing: TypingEvent;
    reaction: ReactEvent;
    reactionDeleted: DeleteReactEvent;
    messageRead: ReadMsgEvent;
    userJoined: UserJoinEvent;
    userLeft: UserLeaveEvent;
    chatCreated: NewChatEvent;
    chatDeleted: DeleteChatEvent;
}

export type WhispEvent = RealtimeEventMap[keyof RealtimeEventMap & keyof WhispEvents];
