// The pages for Node, followed to the letter.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { newKey, startServer } from '../../../test/contract/harness.mjs';
import { blocks, follow } from './documents.mjs';
import { person } from './people.mjs';

let server, environment, key;

before(async () => {
    server = await startServer();
    key = await newKey(server);
    environment = { WHISP_URL: server.api, WHISP_API_KEY: key.token };
});
after(() => server?.stop());

test('the SDK\'s page: two users talk', async () => {
    const folder = follow('sdk/README.md');
    try {
        for (let time = 0; time < 2; time++) {
            const output = await folder.run('talk.mjs', environment).finished();
            assert.deepEqual(output.trim().split('\n').sort(), ['ann sees Hello, Bob!', 'bob sees Hello, Bob!']);
        }
    } finally {
        await folder.remove();
    }
});

describe('the quickstart', () => {
    const page = 'docs/quickstart-node.md';
    let folder;
    before(() => { folder = follow(page); });
    after(() => folder?.remove());

    test('prints what it says, the second time, too', async () => {
        const { code } = blocks(page).find(({ language }) => language === 'text');
        for (let time = 0; time < 2; time++) {
            assert.equal(await folder.run('quickstart.mjs', environment).finished(), code);
        }
    });

    test('every event is heard', async () => {
        const watch = folder.run('watch.mjs', environment);
        await watch.said(/^listening$/m);
        const carl = await person(server, key, 'carl');
        await person(server, key, 'dora').then((dora) => dora.client.realtime.disconnect());
        const { realtime } = carl.client;
        const { userId } = carl.client.getAuth();
        const { chatId } = await carl.client.createChat('Everything', ['carl', 'bob']);
        const { messageId } = await realtime.sendMessage(chatId, 'one');
        await realtime.editMessage(chatId, messageId, 'two');
        const reply = await realtime.replyToMessage(chatId, messageId, 'three');
        await realtime.sendTyping(chatId);
        await realtime.addReaction(chatId, messageId, '👍');
        const reaction = await carl.saw('reaction');
        await realtime.removeReaction(reaction.messageId);
        await realtime.markAsRead(chatId, reply.messageId);
        await realtime.deleteMessage(chatId, messageId);
        await carl.client.addUserToChat(chatId, 'dora');
        const joined = await carl.saw('userJoined');
        await carl.client.removeUserFromChat(chatId, joined.message);
        const left = await carl.saw('userLeft');
        await carl.client.deleteChat(chatId);
        await watch.said(/^chat deleted/m);
        await watch.said(/^read receipt/m);
        const heard = watch.output.split('\n').filter((line) => line.includes(chatId));
        assert.deepEqual(heard.sort(), [
            `chat created ${chatId} Everything`,
            `new message ${chatId} ${messageId} one`,
            `message edited ${chatId} ${messageId} two`,
            `reply ${chatId} ${reply.messageId} ${messageId}`,
            `typing ${chatId} ${userId}`,
            `reaction ${chatId} ${messageId} 👍`,
            `reaction deleted ${chatId} ${reaction.messageId}`,
            `read receipt ${chatId} ${reply.messageId} ${userId}`,
            `message deleted ${chatId} ${messageId}`,
            `user joined ${chatId} ${joined.message} dora`,
            `user left ${chatId} ${left.senderId}`,
            `chat deleted ${chatId}`,
        ].sort());
        realtime.disconnect();
        assert.equal((await watch.exit('SIGINT')).code, 0, watch.output);
    });
});
