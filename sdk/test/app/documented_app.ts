// An app as one writes it for the documented SDK, 0.1.3, with every name that SDK exports and no
// other. It is compiled with `tsc --strict`, and run where such apps run: documented.test.mjs.

import {
    type AddUserRequest, type AuthErrorResponse, type ChangeChatNameRequest, type ChangeUsernameRequest,
    type ChatDetails, type ChatsListResponse, type ChatUserInfo, type ChatUsersResponse,
    type CreateChatRequest, type DeleteChatEvent, type DeleteMsgEvent, type DeleteReactEvent,
    type EditMsgEvent, type ErrorMessage, type MessageContent, type MessagesResponse, type NewChatEvent,
    type ReactEvent, type ReadMsgEvent, type RealtimeEventMap, type RemoveUserRequest, type ReplyEvent,
    type SendMsgEvent, type SignInResponse, type TicketResponse, type TypingEvent, type UserInfo,
    type UserJoinEvent, type UserLeaveEvent, WhispClient, type WhispConfig, WhispError, type WhispEvent,
    WhispRealtime,
} from 'whisp-sdk';

export interface Surroundings {
    baseUrl: string;
    apiKey: string;
    webSocketImpl?: unknown;
}

const PASSWORD = 'a good passphrase';

/** A message list as screens keep it. */
class ChatScreen {
    chats: ChatDetails[] = [];
    messages: MessageContent[] = [];
    members: ChatUserInfo[] = [];
    seen: string[] = [];
    appended = 0;
    #waiting: Array<{ line: string; done: () => void }> = [];
    #realtime: WhispRealtime;

    constructor(realtime: WhispRealtime) {
        this.#realtime = realtime;
        const lines: { [K in keyof RealtimeEventMap]: (event: RealtimeEventMap[K]) => string } = {
            message: ({ senderId, message }: SendMsgEvent) => `${senderId.length} says ${message}`,
            messageEdited: ({ message, editedAt }: EditMsgEvent) => `edited ${message} ${editedAt.length}`,
            messageDeleted: ({ messageId, timeStamp }: DeleteMsgEvent) => `deleted ${messageId.length} ${timeStamp.length}`,
            reply: ({ message, replyTo }: ReplyEvent) => `replied ${message} to ${replyTo.content}`,
            typing: ({ chatId }: TypingEvent) => `typing ${chatId.length}`,
            reaction: ({ message, parentMessageId }: ReactEvent) => `reacted ${message} ${parentMessageId.length}`,
            reactionDeleted: ({ messageId }: DeleteReactEvent) => `took back ${messageId.length}`,
            messageRead: ({ messageId }: ReadMsgEvent) => `read ${messageId.length}`,
            userJoined: ({ username, message }: UserJoinEvent) => `${username} joined ${message.length}`,
            userLeft: ({ message, timeStamp }: UserLeaveEvent) => `${message} ${timeStamp.length}`,
            chatCreated: ({ message }: NewChatEvent) => `made ${message}`,
            chatDeleted: ({ chatId }: DeleteChatEvent) => `gone ${chatId.length}`,
        };
        for (const name of Object.keys(lines) as Array<keyof RealtimeEventMap>) {
            this.#listen(name, lines[name] as (event: RealtimeEventMap[typeof name]) => string);
        }
        realtime.on('message', this.append);
        realtime.on('message', this.append); // a component that is mounted twice
    }

    #listen<K extends keyof RealtimeEventMap>(name: K, line: (event: RealtimeEventMap[K]) => string): void {
        this.#realtime.on(name, (event) => this.#note(line(event)));
    }

    readonly append = (event: SendMsgEvent): void => {
        const added: MessageContent = {
            chatId: event.chatId, timeStamp: event.timeStamp, messageId: event.messageId,
            senderId: event.senderId, content: event.message, edited: false, editedAt: null,
        };
        this.messages = [added, ...this.messages];
        this.appended++;
    };

    #note(line: string): void {
        this.seen.push(line);
        this.#waiting.filter((one) => one.line === line).forEach(({ done }) => done());
    }

    saw(line: string): Promise<void> {
        return new Promise((done) => (this.seen.includes(line) ? done() : void this.#waiting.push({ line, done })));
    }
}

const exhaustive = (event: WhispEvent): string => {
    switch (event.type) {
    case 'SEND_MSG': case 'EDIT_MSG': case 'REPLY': case 'REACT': case 'NEW_CHAT': case 'USER_JOIN': case 'USER_LEAVE':
        return event.message;
    case 'DELETE_MSG': case 'DELETE_REACT': case 'READ_MSG':
        return event.messageId;
    case 'TYPING': case 'DELETE_CHAT':
        return event.chatId;
    default: {
        const never: never = event;
        return never;
    }
    }
};

function explain(error: unknown): string {
    if (!(error instanceof WhispError)) {
        return 'another error';
    }
    if (error.status === 401) {
        const body = error.body as AuthErrorResponse;
        return `${body.status} ${body.code} ${body.title} ${body.detail.length > 0} ${body.instance.length > 0} ${body.type.length > 0}`;
    }
    const body = error.body as ErrorMessage | null;
    return `${error.status} ${body?.message === error.message} ${error instanceof Error}`;
}

/** The proxy of its backend: what it forwards to a browser or a phone. */
async function signIn(config: WhispConfig, username: string): Promise<{ jwt: string; refreshToken: string; userId: string }> {
    const backend = new WhispClient(config);
    await backend.registerUser({ username, email: `${username}@example.com`, password: PASSWORD });
    const response: SignInResponse = await backend.signIn({ username, password: PASSWORD });
    const roles: ('USER' | 'ADMIN')[] = response.roles;
    const auth = backend.getAuth();
    if (!auth || roles.includes('ADMIN')) {
        throw new Error('not signed in');
    }
    return { jwt: auth.jwt, refreshToken: response.refreshToken, userId: response.id };
}

/** All of it, once; gives what a person would see. */
export async function run({ baseUrl, apiKey, webSocketImpl }: Surroundings, suffix = ''): Promise<string[]> {
    const report: string[] = [];
    const names = [`ann${suffix}`, `bob${suffix}`, `eve${suffix}`] as const;
    const config: WhispConfig = webSocketImpl === undefined ? { baseUrl } : { baseUrl, webSocketImpl };
    const [ann, bob] = [new WhispClient(config), new WhispClient(config)];

    report.push(await ann.signIn({ username: 'ann', password: PASSWORD }).then(() => '', (error: WhispError) => `${error.status} ${error.message}`));
    report.push(await ann.realtime.connect().then(() => '', (error: WhispError) => `connect: ${error.status}`));
    report.push(String(await ann.refresh()));

    ann.setAuth(await signIn({ ...config, apiKey }, names[0]));
    bob.setAuth(await signIn({ ...config, apiKey }, names[1]));
    const eve = await signIn({ ...config, apiKey }, names[2]);
    report.push(String(await ann.refresh()), String(ann.isAuthenticated));
    const screen = new ChatScreen(bob.realtime);
    bob.realtime.on('message', () => {
        throw new Error('a handler of the app');
    });
    await Promise.all([ann.realtime.connect(), bob.realtime.connect()]);

    const user: UserInfo = await ann.getUser();
    report.push(`${user.username} ${user.role.includes('ADMIN')} ${user.firstName ?? 'no name'}`);
    const request: CreateChatRequest = { chatName: 'Lunch', userNames: [names[0], names[1]] };
    const { chatId }: ChatDetails = await ann.createChat(request);
    await screen.saw('made Lunch');

    void ann.realtime.sendMessage({ chatId, message: 'Hello Bob 👋' });
    await screen.saw('36 says Hello Bob 👋');
    const { messages }: MessagesResponse = await bob.getMessages(chatId, 50);
    screen.messages = messages;
    const messageId = messages[0]?.messageId ?? '';
    void bob.realtime.replyToMessage({ chatId, messageId, message: 'Hello Ann' });
    await screen.saw('replied Hello Ann to Hello Bob 👋');
    void ann.realtime.editMessage({ chatId, messageId, message: 'Hello, Bob!' });
    await screen.saw('edited Hello, Bob! 24');
    void ann.realtime.sendTyping({ chatId });
    await screen.saw('typing 36');
    const reacted = new Promise<ReactEvent>((done) => {
        const handler = (event: ReactEvent): void => {
            ann.realtime.off('reaction', handler);
            done(event);
        };
        ann.realtime.on('reaction', handler);
    });
    void ann.realtime.addReaction({ chatId, messageId, reaction: '👍' });
    await screen.saw('reacted 👍 36');
    const reaction = await reacted;
    report.push(exhaustive(reaction));
    report.push(String((await ann.getMessages(chatId, 50)).messages[1]?.reactions[0]?.reactionId === reaction.messageId));
    void ann.realtime.removeReaction({ reactionId: reaction.messageId });
    await screen.saw('took back 36');
    void ann.realtime.markAsRead({ chatId, messageId });
    await screen.saw('read 36');

    const add: AddUserRequest = { chatId, newUsername: names[2] };
    await ann.addUserToChat(add);
    await screen.saw(`${names[2]} joined 36`);
    const rename: ChangeChatNameRequest = { chatId, newChatName: 'Dinner' };
    await ann.changeChatName(rename);
    const { users }: ChatUsersResponse = await ann.getChatUsers(chatId);
    screen.members = users;
    report.push(screen.members.map(({ username, lastSeenMessage }) => `${username} ${typeof lastSeenMessage}`).sort().join(', '));
    const { chats }: ChatsListResponse = await bob.getChats(0, 20);
    screen.chats = chats;
    report.push(screen.chats.map(({ chatName, groupChat, lastMessage }) => `${chatName} ${groupChat} ${lastMessage}`).join());
    const remove: RemoveUserRequest = { chatId, removeUser: eve.userId };
    await ann.removeUserFromChat(remove);
    void ann.realtime.deleteMessage({ chatId, messageId });
    await screen.saw('deleted 36 24');
    const change: ChangeUsernameRequest = { newUsername: `${names[0]}-maria` };
    await ann.changeUsername(change);

    report.push(await ann.getMessages('no-such-chat').then(() => '', explain));
    bob.setAuth({ jwt: 'x', refreshToken: 'x', userId: 'x' });
    report.push(await bob.getChats().then(() => '', explain), String(bob.isAuthenticated));
    report.push(`${screen.seen.filter((line) => line.includes('says')).length} ${screen.appended}`);
    await ann.deleteChat(chatId);
    ann.realtime.removeAllListeners();
    await ann.logout();
    report.push(`${ann.realtime.connected} ${ann.isAuthenticated}`);
    return report;
}

/** Of the ticket an app sees nothing but its type. */
export const ticketOf = ({ ticket }: TicketResponse): string => ticket;
