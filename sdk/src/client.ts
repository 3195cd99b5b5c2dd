// The documented client: its calls, each a route.

import { Auth, bearer } from './auth.js';
import { type Environment, surroundings } from './environment.js';
import { WhispError } from './errors.js';
import { Http } from './http.js';
import { named } from './named.js';
import { WhispRealtime } from './realtime.js';
import { type Answer, type Call, Transport } from './transport.js';
import type {
    AddUserRequest, AuthState, ChangeChatNameRequest, Chat, ChatsPage, ChatUsers, CreateChatRequest,
    HistoryOptions, Message, MessagesPage, RegisteredUser, RegisterUserRequest, RemoveUserRequest,
    RequestOptions, SignInRequest, SignInResult, User,
} from './types.js';

const TIMEOUT_MS = 30_000;
const PAGE = 100;

export interface WhispConfig {
    /** Of the cluster, like `https://chat.example.com`. */
    baseUrl: string;
    /** For `registerUser()` and `signIn()`, on your backend. Never in a browser. */
    apiKey?: string;
    /** The `WebSocket` class to use, for Node: that of the package `ws`. */
    webSocketImpl?: unknown;
    /** Milliseconds until a REST call rejects with `TIMEOUT`; 30,000. */
    timeout?: number;
}

export type WhispClientOptions = WhispConfig;

/** A path alone is one of the page's own origin. */
function baseUrlOf(options?: Partial<WhispConfig>): string {
    const given: unknown = options?.baseUrl;
    if (typeof given !== 'string' || !/^(https?:\/\/.|\/)/i.test(given)) {
        throw new WhispError('WhispClient needs baseUrl, the URL of the Whisp server like ' +
                             `https://chat.example.com; it is ${JSON.stringify(given) ?? 'undefined'}.`,
                             { status: 0, code: 'NO_BASE_URL', retryable: false });
    }
    return given.replace(/\/+$/, '');
}

/**
 * One user's client; on a backend also the app's. REST calls reject with WhispError. Those of a user
 * need a sign-in and renew its JWT by themselves; when that is refused the sign-in is forgotten and
 * the error is a 401: show the login screen again.
 */
export class WhispClient {
    /** Events as they happen, and what can be done about messages. */
    readonly realtime: WhispRealtime;
    #auth: Auth;
    #http: Http;

    /** Throws a WhispError without a usable `baseUrl`. The second argument is for tests. */
    constructor(options: WhispConfig, environment: Partial<Environment> = {}) {
        const around: Environment = { ...surroundings, ...environment };
        const baseUrl = baseUrlOf(options);
        const transport = new Transport(baseUrl, options.timeout ?? TIMEOUT_MS, around);
        this.#auth = new Auth(transport, around);
        this.#http = new Http(transport, this.#auth, options.apiKey);
        this.realtime = new WhispRealtime(baseUrl, this.#http, this.#auth, options.webSocketImpl, around);
    }

    // ------------------------------------------------------------ sign-in

    /** Takes a sign-in that your backend made; null forgets the one there is. */
    setAuth(auth: AuthState | null): void {
        const isAnother = auth?.userId !== this.#auth.state?.userId;
        this.#auth.set(auth && { jwt: auth.jwt, refreshToken: auth.refreshToken, userId: auth.userId });
        if (isAnother) {
            this.realtime.disconnect(); // after it, so that `disconnected` finds what is so now
        }
    }

    /** The sign-in, with the JWT as it is now; null without one. */
    getAuth(): AuthState | null {
        return this.#auth.state && { ...this.#auth.state };
    }

    /**
     * Calls the handler whenever the sign-in is another: a new one, a renewed JWT, or null once it is
     * over. The place to keep it where it outlives the page. Returns the way to unsubscribe.
     */
    onAuthChange(handler: (auth: AuthState | null) => void): () => void {
        return this.#auth.watch(handler);
    }

    get isAuthenticated(): boolean {
        return this.#auth.state !== null;
    }

    /**
     * Makes a user of the app. Needs `apiKey`: without it the message is "API key is required for
     * this endpoint". A name or email that is taken is a 409.
     */
    async registerUser(user: RegisterUserRequest, options?: RequestOptions): Promise<RegisteredUser> {
        const call: Call = { method: 'POST', path: '/api/user/registerUser', body: user };
        return (await this.#http.asApp<RegisteredUser>(call, options)).body;
    }

    /**
     * Signs a user in, on this client, and gives what a browser needs for `setAuth()`. Needs
     * `apiKey`, as above. A wrong name or password is a 401.
     */
    async signIn(credentials: SignInRequest, options?: RequestOptions): Promise<SignInResult>;
    async signIn(username: string, password: string, options?: RequestOptions): Promise<SignInResult>;
    async signIn(...args: unknown[]): Promise<SignInResult> {
        const [body, options] = named<string, RequestOptions>(args, 'username', 'password');
        const answer = await this.#http.asApp<Omit<SignInResult, 'jwt' | 'userId'>>(
            { method: 'POST', path: '/api/user/signin', body }, options);
        const auth = {
            jwt: bearer(answer.headers), refreshToken: answer.body.refreshToken, userId: answer.body.id,
        };
        this.setAuth(auth);
        this.#auth.setFresh(auth);
        return { ...answer.body, ...auth };
    }

    /**
     * Renews the JWT now; whether that was possible. Seldom needed: every call does so when it must.
     * After `false`, `isAuthenticated` tells whether the sign-in is over or the server was away.
     */
    async refresh(): Promise<boolean> {
        try {
            await this.#auth.renew(this.#auth.state?.jwt ?? '');
            return true;
        } catch {
            return false;
        }
    }

    /** Ends this sign-in, here and on the server, and disconnects. */
    async logout(options?: RequestOptions): Promise<void> {
        const refreshToken = this.#auth.state?.refreshToken;
        await this.#leave({ method: 'POST', path: '/api/auth/logout', body: { refreshToken } }, options);
    }

    /** Ends all of the user's sign-ins, on every device. */
    async logoutAll(options?: RequestOptions): Promise<void> {
        await this.#leave({ method: 'POST', path: '/api/auth/logoutAll' }, options);
    }

    // ------------------------------------------------------------ the user

    async getUser(options?: RequestOptions): Promise<User> {
        return (await this.#call<User>({ method: 'GET', path: '/api/user/getUser' }, options)).body;
    }

    /** A name that is taken is a 409. */
    async changeUsername(newUsername: string, options?: RequestOptions): Promise<void>;
    async changeUsername(request: { newUsername: string }, options?: RequestOptions): Promise<void>;
    async changeUsername(...args: unknown[]): Promise<void> {
        const [body, options] = named<string, RequestOptions>(args, 'newUsername');
        const before = this.#auth.state;
        const { headers } = await this.#call({ method: 'POST', path: '/api/user/changeUsername', body }, options);
        const { state } = this.#auth;
        if (state && state.refreshToken === before?.refreshToken) {
            this.#auth.setFresh({ ...state, jwt: bearer(headers) });
        }
    }

    /** The user, with all memberships and messages, is gone for good. */
    async deleteUser(options?: RequestOptions): Promise<void> {
        const leaving = this.#auth.state;
        await this.#call({ method: 'DELETE', path: '/api/user/deleteUser' }, options);
        this.#forget(leaving);
    }

    // ------------------------------------------------------------ chats

    /** `userNames` has your own name and at least one other; an unknown one is a 404. */
    async createChat(request: CreateChatRequest, options?: RequestOptions): Promise<Chat>;
    async createChat(chatName: string, userNames: string[], options?: RequestOptions): Promise<Chat>;
    async createChat(...args: unknown[]): Promise<Chat> {
        const [body, options] = named<string, RequestOptions>(args, 'chatName', 'userNames');
        return (await this.#call<Chat>({ method: 'POST', path: '/api/chat/createChat', body }, options)).body;
    }

    /** A page of your chats, those with the latest activity first. `page` from 0, `size` 1 to 1,000. */
    async getChats(page?: number, size?: number, options?: RequestOptions): Promise<ChatsPage> {
        return this.#chats({ page, size }, options);
    }

    /** All your chats, one after another, read page by page; chats that move meanwhile do no harm. */
    async *allChats(options?: RequestOptions): AsyncGenerator<Chat, void, undefined> {
        let cursor: string | undefined;
        do {
            const page = await this.#chats({ size: PAGE, cursor }, options);
            yield* page.chats;
            cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);
    }

    async getChatUsers(chatId: string, options?: RequestOptions): Promise<ChatUsers> {
        const path = `/api/chat/getUsers/${encodeURIComponent(chatId)}`;
        return (await this.#call<ChatUsers>({ method: 'GET', path }, options)).body;
    }

    /** Any member may. A user who is one already is a 409. */
    async addUserToChat(chatId: string, newUsername: string, options?: RequestOptions): Promise<void>;
    async addUserToChat(request: AddUserRequest, options?: RequestOptions): Promise<void>;
    async addUserToChat(...args: unknown[]): Promise<void> {
        await this.#post('/api/chat/addUser', args, 'chatId', 'newUsername');
    }

    /** By user id: yourself, or by the chat's creator anyone. */
    async removeUserFromChat(chatId: string, removeUser: string, options?: RequestOptions): Promise<void>;
    async removeUserFromChat(request: RemoveUserRequest, options?: RequestOptions): Promise<void>;
    async removeUserFromChat(...args: unknown[]): Promise<void> {
        await this.#post('/api/chat/removeUser', args, 'chatId', 'removeUser');
    }

    async changeChatName(chatId: string, newChatName: string, options?: RequestOptions): Promise<void>;
    async changeChatName(request: ChangeChatNameRequest, options?: RequestOptions): Promise<void>;
    async changeChatName(...args: unknown[]): Promise<void> {
        await this.#post('/api/chat/changeName', args, 'chatId', 'newChatName');
    }

    /** Only its creator may. */
    async deleteChat(chatId: string, options?: RequestOptions): Promise<void> {
        await this.#call({ method: 'DELETE', path: '/api/chat/deleteChat', query: { chatId } }, options);
    }

    // ------------------------------------------------------------ messages

    /**
     * Newest first, `size` 1 to 1,000, older than `lastMessageId` if given. What is read this way
     * counts as read: it moves your mark, unless `mark` is false.
     */
    async getMessages(chatId: string, size?: number, lastMessageId?: string,
                      options?: HistoryOptions): Promise<MessagesPage> {
        const path = `/api/messages/getMessages/${encodeURIComponent(chatId)}`;
        const query = { size, lastMessage: lastMessageId, mark: options?.mark };
        return (await this.#call<MessagesPage>({ method: 'GET', path, query }, options)).body;
    }

    /** The whole history, newest first, read page by page. */
    async *allMessages(chatId: string, options?: HistoryOptions): AsyncGenerator<Message, void, undefined> {
        let last: string | undefined;
        for (;;) {
            const { messages } = await this.getMessages(chatId, PAGE, last, options);
            yield* messages;
            if (messages.length < PAGE) {
                return;
            }
            last = messages[PAGE - 1]?.messageId;
        }
    }

    #call<T>(call: Call, options?: RequestOptions): Promise<Answer<T>> {
        return this.#http.asUser<T>(call, options);
    }

    async #post(path: string, args: unknown[], ...names: string[]): Promise<void> {
        const [body, options] = named<string, RequestOptions>(args, ...names);
        await this.#call({ method: 'POST', path, body }, options);
    }

    async #chats(query: Call['query'], options?: RequestOptions): Promise<ChatsPage> {
        return (await this.#call<ChatsPage>({ method: 'GET', path: '/api/chat/getChats', query }, options)).body;
    }

    /** Whatever the server says, this device is signed out; a sign-in that was over is no error. */
    async #leave(call: Call, options?: RequestOptions): Promise<void> {
        const leaving = this.#auth.state;
        try {
            await this.#call(call, options);
        } catch (error) {
            if (!(error instanceof WhispError) || error.status !== 401) {
                throw error;
            }
        } finally {
            this.#forget(leaving);
        }
    }

    /** Someone else may have signed in meanwhile, who stays. */
    #forget(leaving: AuthState | null): void {
        const { state } = this.#auth;
        if (!state || state.refreshToken === leaving?.refreshToken) {
            this.setAuth(null);
            this.realtime.disconnect();
        }
    }
}
