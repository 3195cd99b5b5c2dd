// The server's limits, in code points.

export const MAX_MESSAGE = 10_000;
export const MAX_CHAT_NAME = 128;
export const MAX_USERNAME = 64;
export const MAX_PASSWORD = 128;
export const MAX_EMAIL = 254;
