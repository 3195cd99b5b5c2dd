// examples/node-bot as it is started, and people who talk to it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { newKey, startServer } from '../../../test/contract/harness.mjs';
import { person } from './people.mjs';
import { Program } from './program.mjs';

const FOLDER = fileURLToPath(new URL('../../../examples/node-bot/', import.meta.url));
const start = (env, file, ...args) => new Program([FOLDER + file, ...args], { env });
const startBot = (some) => start(some, 'bot.js');

let server, env, ann, bob, bot, chatId;

before(async () => {
    server = await startServer({ args: ['--drain-delay', '0s'] });
    const key = await newKey(server);
    env = { WHISP_URL: server.api, WHISP_API_KEY: key.token };
    bot = startBot(env);
    [ann, bob] = [await person(server, key, 'ann'), await person(server, key, 'bob')];
    await bot.said(/ready/);
    ({ chatId } = await ann.client.createChat('Lunch', ['ann', 'bot']));
});

after(async () => {
    [ann, bob].forEach((one) => one?.client.realtime.disconnect());
    await bot?.exit('SIGTERM');
    await server?.stop();
});

const say = (text) => ann.client.realtime.sendMessage(chatId, text);
const answerTo = (question, count = 1) =>
    ann.saw('reply', ({ replyTo }) => replyTo?.messageId === question.messageId, count);

async function ask(text) {
    return (await answerTo(await say(text))).message;
}

/** Everything that was said before has been answered, or will not be. */
async function nothingMoreThan(replies) {
    await ask('/help');
    const answers = ann.of('reply').filter(({ chatId: chat, message }) => chat === chatId && !message.startsWith('I know'));
    assert.deepEqual(answers.map(({ message }) => message), replies);
}

test('without the URL or the key it says how to get them', async () => {
    const environments = [{}, { WHISP_URL: 'http://127.0.0.1:1' }, { WHISP_API_KEY: 'x' }];
    for (const { code, output } of await Promise.all(environments.map((some) => startBot(some).exit()))) {
        assert.equal(code, 1);
        assert.match(output, /^node-bot: WHISP_URL and WHISP_API_KEY are missing: `make python-setup`.*\n$/);
    }
});

test('without a server, or with the key of another, it says so', async () => {
    const [alone, stranger] = await Promise.all([
        startBot({ ...env, WHISP_URL: 'http://127.0.0.1:1' }).exit(),
        startBot({ ...env, WHISP_API_KEY: `${env.WHISP_API_KEY.slice(0, -8)}AAAAAAAA` }).exit(),
    ]);
    assert.deepEqual(alone, {
        code: 1, output: 'node-bot: no whispd answers at http://127.0.0.1:1: start one with `make run`\n',
    });
    assert.deepEqual(stranger, {
        code: 1, output: 'node-bot: this server did not make the API key: run `make python-setup` again\n',
    });
});

test('it greets a chat that it comes into, and who comes after it', async () => {
    const greeting = (chat, whom) => ({ chatId: at, message }) => at === chat && message.startsWith(`Hello, ${whom}!`);
    await ann.saw('message', greeting(chatId, 'everyone'));
    const { chatId: later } = await ann.client.createChat('Later', ['ann', 'bob']);
    await ann.client.addUserToChat(later, 'bot');
    await bob.saw('message', greeting(later, 'everyone'));
    await ann.client.addUserToChat(chatId, 'bob');
    await bob.saw('message', greeting(chatId, 'bob'));
});

test('it types, then answers commands and nothing else, each once', async () => {
    const me = ann.client.getAuth().userId;
    await say('hello /roll');
    assert.match(await ask('/roll 2d6'), /^🎲 [1-6] \+ [1-6] = \d+$/);
    assert.match(await ask('/roll'), /^🎲 [1-6]$/);
    assert.match(await ask('/roll 21d6'), /^Say \/roll 2d6/);
    await ann.saw('typing', (event) => event.chatId === chatId && event.senderId !== me);
    const rolls = ann.of('reply').map(({ message }) => message);
    await say('/nothing');
    await say('/toString');
    await nothingMoreThan(rolls);
    const last = await say('thanks');
    await ann.saw('messageRead', ({ messageId, senderId }) => messageId === last.messageId && senderId !== me);
});

test('it reminds', async () => {
    const question = await say('/remind 1s tea');
    await ann.saw('reaction', ({ parentMessageId, message }) => parentMessageId === question.messageId && message === '⏰');
    assert.equal((await answerTo(question, 1)).message, 'I will, in 1 s.');
    assert.equal((await answerTo(question, 2)).message, '⏰ tea');
    assert.match(await ask('/remind 25h tea'), /^Say \/remind/);
    assert.match(await ask('/remind soon'), /^Say \/remind/);
});

test('it takes a poll, and counts the votes of others when it is asked', async () => {
    assert.match(await ask('/poll Pizza today?'), /^React with 👍 or 👎/);
    const { messageId } = await ann.saw('message', ({ message }) => message === '📊 Pizza today?');
    await ann.saw('reaction', ({ parentMessageId }) => parentMessageId === messageId, 2);
    await ann.client.realtime.addReaction(chatId, messageId, '👍');
    await bob.client.realtime.addReaction(chatId, messageId, '👍');
    assert.equal(await ask('/count'), 'Pizza today? 👍 2  👎 0');
    await ann.saw('messageEdited', (event) => event.messageId === messageId && event.message.endsWith('\n👍 2  👎 0'));
    const mine = await ann.saw('reaction', ({ senderId }) => senderId === ann.client.getAuth().userId);
    await ann.client.realtime.removeReaction(mine.messageId);
    assert.equal(await ask('/count'), 'Pizza today? 👍 1  👎 0');
});

test('it comes back after the server does, and after itself, and answers what it missed once', async () => {
    await server.restart();
    await bot.said(/connected again/);
    assert.match(await ask('/roll 1d2'), /^🎲 [12]$/);
    await bot.exit('SIGKILL');
    const missed = await say('/roll 1d2');
    const before = ann.of('reply').map(({ message }) => message).filter((message) => !message.startsWith('I know'));
    bot = startBot(env);
    const { message } = await answerTo(missed);
    await nothingMoreThan([...before, message]);
});

test('say.js has a talk with it', async () => {
    const visitor = start(env, 'say.js', '/help', '/roll 2d6');
    await visitor.said(/bot: reply I know these:/);
    await visitor.said(/bot: reply 🎲/);
    await visitor.exit('SIGTERM');
});

test('two of it are one: a question has one answer', async () => {
    const twin = startBot(env);
    await twin.said(/ready/);
    const question = await say('/roll 20d1000');
    await answerTo(question);
    await twin.said(/answered \/roll/);
    const { code } = await twin.exit('SIGTERM');
    assert.equal(code, 0);
    await ask('/help');
    assert.equal(ann.of('reply').filter(({ replyTo }) => replyTo?.messageId === question.messageId).length, 1);
});

test('Ctrl-C ends it at once, in good order', async () => {
    const { code, output } = await bot.exit('SIGINT');
    assert.equal(code, 0);
    assert.match(output, /stopping SIGINT\n(.*\n)*.*stopped\n$/);
});
