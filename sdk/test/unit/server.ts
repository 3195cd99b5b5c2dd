// A server in memory: answers to REST by a table, and STOMP over sockets that are none.

import type { WebSocketImpl } from '../../src/link.js';

export interface Request {
    method: string;
    path: string;
    query: URLSearchParams;
    headers: Headers;
    body: Record<string, unknown> | undefined;
}

type Handler = (request: Request) => Response | Promise<Response>;

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
    return new Response(JSON.stringify(body), {
        status, headers: { 'content-type': 'application/json', ...headers },
    });
}

export function refusal(status: number, code: string, headers: Record<string, string> = {}): Response {
    return json(status, { message: `Refused: ${code}.`, code }, headers);
}

/** A JWT in form only. Times in seconds since 1970. */
export function jwt(iat: number, exp: number, more = ''): string {
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${encode({ alg: 'none' })}.${encode({ iat, exp, more })}.${encode({})}`;
}

export interface Frame {
    command: string;
    headers: Record<string, string>;
    body: string;
}

function readFrame(text: string): Frame {
    const end = text.indexOf('\n\n');
    const [command = '', ...lines] = text.slice(0, end).split('\n');
    const headers = Object.fromEntries(lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1)];
    }));
    return { command, headers, body: text.slice(end + 2).replace(/\0$/, '') };
}

/** The server's end of a connection, which is also the client's WebSocket. */
export class Socket {
    readyState = 0;
    binaryType = '';
    protocol = 'v12.stomp';
    onopen?: () => void;
    onclose?: (event: { code: number; reason: string }) => void;
    onerror?: (error: unknown) => void;
    onmessage?: (event: { data: string }) => void;
    frames: Frame[] = [];
    /** Lone line feeds. */
    beats = 0;
    #messages = new Set<() => void>();

    constructor(readonly server: Server, readonly url: string) {
        setImmediate(() => {
            if (this.readyState === 0 && server.reachable && server.upgrades) {
                this.readyState = 1;
                this.onopen?.();
            } else if (this.readyState === 0) {
                this.onerror?.({ type: 'error' }); // browsers say no more
                this.end(1006);
            }
        });
    }

    addEventListener(_name: 'message', run: () => void): void {
        this.#messages.add(run);
    }

    send(data: string | ArrayBuffer): void {
        const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
        if (text === '\n') {
            this.beats++;
            return;
        }
        const frame = readFrame(text);
        this.frames.push(frame);
        setImmediate(() => this.readyState === 1 && this.server.frame(this, frame));
    }

    close(): void {
        setImmediate(() => this.end(1000));
    }

    // ---------------------------------------------------------- as the server

    say(command: string, headers: Record<string, string>, body = ''): void {
        const head = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join('');
        this.#deliver(`${command}\n${head}\n${body}\0`);
    }

    beat(): void {
        this.#deliver('\n');
    }

    event(id: string, event: object): void {
        this.say('MESSAGE', { subscription: 'sub-0', 'message-id': id, destination: '/user/queue/messages' },
                 JSON.stringify(event));
    }

    receipt(id: string): void {
        this.say('RECEIPT', { 'receipt-id': id });
    }

    end(code: number, reason = ''): void {
        if (this.readyState !== 3) {
            this.readyState = 3;
            this.onclose?.({ code, reason });
        }
    }

    of(command: string): Frame[] {
        return this.frames.filter((frame) => frame.command === command);
    }

    get sent(): Array<{ receipt: string; action: Record<string, string> }> {
        return this.of('SEND').map(({ headers, body }) => (
            { receipt: headers.receipt ?? '', action: JSON.parse(body) as Record<string, string> }));
    }

    #deliver(data: string): void {
        this.onmessage?.({ data });
        this.#messages.forEach((run) => run());
    }
}

export class Server {
    reachable = true;
    /** There is a way for WebSockets, too. */
    upgrades = true;
    requests: Request[] = [];
    sockets: Socket[] = [];
    /** What a SUBSCRIBE brings after its receipt; RESUMED by default. */
    onSubscribe = (socket: Socket): void => socket.event(`r${this.sockets.length}`, { type: 'RESUMED', complete: true });
    onSend = (_socket: Socket, _frame: Frame): void => undefined;
    #routes = new Map<string, Handler>();

    constructor() {
        let tickets = 0;
        this.on('GET /api/auth/getTicket', () => json(200, { ticket: `t${++tickets}` }));
        this.on('GET /api/sync', () => json(200, { events: [], cursor: 's0', complete: true, hasMore: false }));
    }

    on(route: string, handler: Handler): void {
        this.#routes.set(route, handler);
    }

    of(path: string): Request[] {
        return this.requests.filter((request) => request.path === path);
    }

    /** The newest socket. */
    get socket(): Socket {
        return this.sockets.at(-1) as Socket;
    }

    fetch = async (url: string, init: RequestInit): Promise<Response> => {
        const { pathname, searchParams } = new URL(url);
        const body = init.body === undefined ? undefined : JSON.parse(init.body as string) as Request['body'];
        const request = { method: init.method ?? 'GET', path: pathname, query: searchParams,
                          headers: new Headers(init.headers), body };
        this.requests.push(request);
        await new Promise((done) => setImmediate(done));
        if (!this.reachable) {
            throw new TypeError('fetch failed');
        }
        return await (this.#routes.get(`${request.method} ${pathname}`)?.(request) ?? refusal(404, 'NOT_FOUND'));
    };

    get WebSocket(): WebSocketImpl {
        const open = (url: string): Socket => {
            const socket = new Socket(this, url);
            this.sockets.push(socket);
            return socket;
        };
        return function WebSocket(url: string) {
            return open(url);
        } as unknown as WebSocketImpl;
    }

    frame(socket: Socket, frame: Frame): void {
        const { command, headers } = frame;
        if (command === 'CONNECT') {
            socket.say('CONNECTED', { version: '1.2', 'heart-beat': '0,0', 'whisp-protocol': '1' });
        } else if (command === 'SUBSCRIBE') {
            socket.receipt(headers.receipt ?? '');
            this.onSubscribe(socket);
        } else if (command === 'DISCONNECT') {
            socket.receipt(headers.receipt ?? '');
        } else if (command === 'SEND') {
            this.onSend(socket, frame);
        }
    }
}
