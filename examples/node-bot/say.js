// A visitor who says what the arguments are, each a message, and prints what comes back for a while.

import { WhispClient } from 'whisp-sdk';
import WebSocket from 'ws';

const { WHISP_URL, WHISP_API_KEY, BOT_NAME = 'bot' } = process.env;
const LISTEN_MS = 3_000;

if (!WHISP_URL || !WHISP_API_KEY) {
    console.error('say: WHISP_URL and WHISP_API_KEY are missing: set -a; . examples/.env');
    process.exit(1);
}

const user = { username: 'visitor', email: 'visitor@example.com', password: 'a good passphrase' };
const visitor = new WhispClient({ baseUrl: WHISP_URL, apiKey: WHISP_API_KEY, webSocketImpl: WebSocket });
await visitor.registerUser(user).catch((error) => {
    if (error.status !== 409) throw error; // every time but the first
});
await visitor.signIn(user);
for (const name of ['message', 'reply', 'messageEdited', 'reaction', 'typing']) {
    visitor.realtime.on(name, ({ senderId, message = '' }) => {
        console.log(senderId === visitor.getAuth().userId ? 'you:' : `${BOT_NAME}:`, name, message);
    });
}
await visitor.realtime.connect();
const { chatId } = await visitor.createChat('A visit', [user.username, BOT_NAME]);
for (const text of process.argv.slice(2)) {
    await visitor.realtime.sendMessage(chatId, text);
}
setTimeout(() => visitor.realtime.disconnect(), LISTEN_MS);
