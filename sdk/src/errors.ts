/** What the codes of realtime ERROR events mean as HTTP statuses, as the REST API would answer. */
const STATUS_OF_CODE: ReadonlyArray<readonly [RegExp, number]> = [
    [/^AUTH_/, 401],
    [/^(NOT_A_|NOT_THE_|FORBIDDEN|APP_SUSPENDED)/, 403],
    [/NOT_FOUND$/, 404],
    [/(_MISMATCH|_TAKEN|_FULL)$/, 409],
    [/^PAYLOAD_TOO_LARGE$/, 413],
    [/^(RATE_LIMITED|CONCURRENT_USER_LIMIT)$/, 429],
    [/^INTERNAL$/, 500],
    [/^(OVERLOADED|STORE_UNAVAILABLE|DRAINING)$/, 503],
];

const RETRYABLE = new Set([0, 408, 425, 429, 500, 502, 503, 504]);

/** What a {@link WhispError} is made of besides its message. */
export interface WhispErrorDetails {
    /** The HTTP status, or what it would be for a realtime action; 0 without an answer. */
    status: number;
    code?: string;
    body?: unknown;
    retryable?: boolean;
    /** Milliseconds that the server asks to wait. */
    retryAfter?: number;
    cause?: unknown;
}

/**
 * Every failure of this package: a refused request or action, a connection that could not be made.
 * The one exception is an `AbortSignal` of yours: then what it was aborted with is thrown.
 */
export class WhispError extends Error {
    override readonly name = 'WhispError';
    /** The HTTP status; for realtime actions what it would be; 0 when there was no answer. */
    readonly status: number;
    /** What the server answered: parsed JSON, or text, or null. */
    readonly body: unknown;
    /**
     * Stable and meant for programs: the server's (`NOT_A_MEMBER`, `USERNAME_TAKEN`, …), or ours:
     * `NETWORK_ERROR`, `TIMEOUT`, `NOT_CONNECTED`, `DISCONNECTED`, `OUTBOX_FULL`, `NO_WEBSOCKET`,
     * `NO_BASE_URL`, `BAD_ANSWER`, `NOT_A_WEBSOCKET`, `ACTION_REFUSED`, `SIGNED_OUT`.
     */
    readonly code: string | undefined;
    /** Whether the same call may well succeed later, with nothing changed. */
    readonly retryable: boolean;
    /** Milliseconds that the server asked to wait, if it did. */
    readonly retryAfter: number | undefined;

    constructor(message: string, details: WhispErrorDetails) {
        super(message);
        if (details.cause !== undefined) { // by hand: older engines ignore the constructor's option
            Object.defineProperty(this, 'cause', { value: details.cause, configurable: true, writable: true });
        }
        this.status = details.status;
        this.body = details.body ?? null;
        this.code = details.code;
        this.retryable = details.retryable ?? RETRYABLE.has(details.status);
        this.retryAfter = details.retryAfter;
    }
}

function textField(body: unknown, name: string): string | undefined {
    const value: unknown = (body as Record<string, unknown> | null | undefined)?.[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The error of an HTTP answer. */
export function errorOfAnswer(status: number, body: unknown, retryAfter?: string | null): WhispError {
    const seconds = Number(retryAfter ?? NaN);
    return new WhispError(textField(body, 'message') ?? `The server answered ${status}.`, {
        status,
        body,
        code: textField(body, 'code'),
        retryAfter: Number.isFinite(seconds) ? seconds * 1000 : undefined,
    });
}

/** The error of a realtime ERROR event. */
export function errorOfEvent(event: { code: string; message: string }): WhispError {
    const { code, message } = event;
    const status = STATUS_OF_CODE.find(([pattern]) => pattern.test(code))?.[1] ?? 400;
    return new WhispError(message, { status, code, body: event });
}
