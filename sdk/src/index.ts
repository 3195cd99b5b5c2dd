export { WhispClient, type WhispClientOptions, type WhispConfig } from './client.js';
export * from './documented.js';
export { WhispError, type WhispErrorDetails } from './errors.js';
export type {
    ChatCreatedEvent, ChatDeletedEvent, ChatEvent, ChatRenamedEvent, ConnectedEvent,
    DisconnectedEvent, ErrorEvent, MessageDeletedEvent, MessageEditedEvent, MessageEvent,
    MessageReadEvent, MessageRepliedEvent, PresenceEvent, ReactionDeletedEvent, ReactionEvent,
    ReconnectingEvent, RefusedEvent, ReplyEvent, ResumedEvent, ResyncEvent, ServerEvent, StoredEvent,
    TypingEvent, UserJoinedEvent, UserLeftEvent, WhispEventName, WhispEvents,
} from './events.js';
export type { ConnectOptions } from './keeper.js';
export type { WebSocketImpl } from './link.js';
export {
    type EditMessageRequest, type MessageReference, type ReactionRequest, type Realtime,
    type ReplyRequest, type SendMessageRequest, type SendOptions, WhispRealtime,
} from './realtime.js';
export * from './types.js'; // types alone, in a form that TypeScript 4 reads
