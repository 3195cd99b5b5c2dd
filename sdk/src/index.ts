export { WhispClient, type WhispClientOptions } from './client.js';
export { WhispError, type WhispErrorDetails } from './errors.js';
export type {
    ChatCreatedEvent, ChatDeletedEvent, ChatEvent, ChatRenamedEvent, ConnectedEvent,
    DisconnectedEvent, ErrorEvent, MessageDeletedEvent, MessageEditedEvent, MessageEvent,
    MessageReadEvent, PresenceEvent, ReactionDeletedEvent, ReactionEvent, ReconnectingEvent,
    RefusedEvent, ReplyEvent, ResumedEvent, ResyncEvent, ServerEvent, StoredEvent, TypingEvent,
    UserJoinedEvent, UserLeftEvent, WhispEventName, WhispEvents,
} from './events.js';
export type { ConnectOptions } from './keeper.js';
export type { WebSocketImpl } from './link.js';
export type {
    EditMessageRequest, MessageReference, ReactionRequest, Realtime, ReplyRequest,
    SendMessageRequest, SendOptions,
} from './realtime.js';
export type * from './types.js';
