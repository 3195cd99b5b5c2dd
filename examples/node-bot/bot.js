// A bot: a user like any other. This file signs it in, listens and stays; commands.js is what it says.

import { createHmac } from 'node:crypto';
import { WhispClient } from 'whisp-sdk';
import WebSocket from 'ws';
import { Commands } from './commands.js';

const { WHISP_URL, WHISP_API_KEY, BOT_NAME = 'bot' } = process.env;
const UNREAD_MOST = 100; // of a chat, that are caught up with

const log = (what, ...more) => console.log(new Date().toISOString(), what, ...more);

const failed = (error) => log('error', error.code ?? error.status, error.message);

function die(why) {
    console.error(`node-bot: ${why}`);
    process.exit(1);
}

if (!WHISP_URL || !WHISP_API_KEY) {
    die('WHISP_URL and WHISP_API_KEY are missing: `make python-setup` makes them, `make node-bot` runs the bot with them');
}

const whisp = new WhispClient({ baseUrl: WHISP_URL, apiKey: WHISP_API_KEY, webSocketImpl: WebSocket });
const { realtime } = whisp;
const commands = new Commands(whisp, log);
let stopping = false;

/** Nobody has to remember the password: it follows from the API key, which is a secret already. */
async function signIn() {
    const password = createHmac('sha256', WHISP_API_KEY).update(BOT_NAME).digest('hex');
    const user = { username: BOT_NAME, email: `${BOT_NAME}@bots.example.com`, password };
    await whisp.registerUser(user).catch((error) => {
        if (error.status !== 409) throw error; // every time but the first
    });
    return (await whisp.signIn(user)).userId;
}

function explain(error) {
    const texts = {
        NETWORK_ERROR: `no whispd answers at ${WHISP_URL}: start one with \`make run\``,
        AUTH_INVALID_API_KEY: 'this server did not make the API key: run `make python-setup` again',
        AUTH_REVOKED_API_KEY: 'the API key was revoked: run `make python-setup` again',
        AUTH_BAD_CREDENTIALS: `another API key made the user ${BOT_NAME}: give the bot another BOT_NAME`,
    };
    return texts[error.code] ?? error.message;
}

/** What came while the bot was away; it is answered once, since every answer is named after its question. */
async function catchUp() {
    for await (const { chatId, unreadCount } of whisp.allChats()) {
        const unread = Math.min(unreadCount, UNREAD_MOST);
        const { messages } = unread > 0 ? await whisp.getMessages(chatId, unread) : { messages: [] };
        for (const { messageId, senderId, content } of messages.reverse()) {
            heard({ chatId, messageId, senderId, text: content });
        }
    }
}

function heard({ chatId, messageId, senderId, text }) {
    if (senderId === me) {
        return; // its own words come back to it, as to everyone
    }
    log('message', chatId, text.startsWith('/') ? text.split(/\s/)[0] : '(not for the bot)');
    realtime.markAsRead(chatId, messageId);
    commands.answer({ chatId, messageId, text });
}

async function stop(signal) {
    stopping = true;
    log('stopping', signal);
    await commands.stop();
    await whisp.logout({ timeout: 2_000 }).catch(() => undefined); // the server may be gone, too
    log('stopped');
}

const me = await signIn().catch((error) => die(explain(error)));

for (const name of ['message', 'reply']) {
    realtime.on(name, ({ chatId, messageId, senderId, message, deleted }) => {
        if (!deleted) heard({ chatId, messageId, senderId, text: message });
    });
}
realtime.on('chatCreated', ({ chatId, message, eventId }) => {
    log('chatCreated', chatId, message);
    commands.greet(chatId, eventId, 'everyone');
});
realtime.on('userJoined', ({ chatId, message: userId, username, eventId }) => {
    log('userJoined', chatId, username);
    commands.greet(chatId, eventId, userId === me ? 'everyone' : username);
});
realtime.on('resync', () => catchUp().catch(failed));
realtime.on('connected', ({ reconnected }) => log(reconnected ? 'connected again' : 'connected', WHISP_URL));
realtime.on('reconnecting', ({ attempt, delay }) => log('reconnecting', `attempt ${attempt} in ${delay} ms`));
realtime.on('error', ({ error }) => failed(error));
realtime.on('disconnected', ({ reason, willReconnect }) => {
    log('disconnected', reason);
    if (!willReconnect && !stopping) die('the server ended the sign-in'); // whoever supervises starts it again
});

await realtime.connect().catch((error) => die(explain(error)));
log('ready', `add the user ${BOT_NAME} to a chat and say /help there`);
process.once('SIGINT', stop).once('SIGTERM', stop);
catchUp().catch(failed);
