// What the bot says. Every answer has a clientMessageId made of what it answers, and the server takes
// such an id once: however often an event comes, after a crash for instance, nobody reads an answer twice.

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const THINKING_MS = 300;
const STOP_WITHIN_MS = 3_000;
const DICE_MOST = 20;
const SIDES_MOST = 1_000;
const REMINDERS_MOST = 1_000;
const DAY_S = 86_400;
const UNIT_S = { s: 1, m: 60, h: 3_600 };
const POLL = '📊 ';
const VOTES = ['👍', '👎'];

const HELP = `I know these:
/roll 2d6 - dice
/remind 10s tea - a reminder, after seconds (s), minutes (m) or hours (h)
/poll Pizza today? - a question; vote by reacting to it
/count - the votes of the last poll`;

export class Commands {
    #whisp;
    #log;
    #reminders = new Set();
    #busy = new Set();
    #all = { '/help': () => HELP, '/roll': this.#roll, '/remind': this.#remind, '/poll': this.#poll, '/count': this.#count };

    constructor(whisp, log) {
        this.#whisp = whisp;
        this.#log = log;
    }

    greet(chatId, eventId, whom) {
        this.#do('greeting', () => this.#say(chatId, eventId, `Hello, ${whom}! I am a bot; /help tells what I can do.`));
    }

    /** Answers a message that is a command, by a reply; others are not the bot's business. */
    answer({ chatId, messageId, text }) {
        const [name, ...words] = text.trim().split(/\s+/);
        const command = Object.hasOwn(this.#all, name) && this.#all[name];
        if (command) {
            this.#do(name, async () => {
                this.#whisp.realtime.sendTyping(chatId);
                await sleep(THINKING_MS);
                const reply = await command.call(this, words.join(' '), { chatId, messageId });
                await this.#reply({ chatId, messageId }, reply);
            });
        }
    }

    /** Resolves when what is being answered has been; reminders are forgotten. */
    async stop() {
        this.#reminders.forEach(clearTimeout);
        this.#reminders.clear();
        await Promise.race([Promise.allSettled(this.#busy), sleep(STOP_WITHIN_MS, null, { ref: false })]);
    }

    // ------------------------------------------------------------ commands: give the text of the reply

    #roll(text) {
        const [, count, sides] = (/^(\d{0,4})d(\d{1,4})$/.exec(text || '1d6') ?? []).map(Number);
        if (!(count <= DICE_MOST && sides >= 2 && sides <= SIDES_MOST)) {
            return `Say /roll 2d6: up to ${DICE_MOST} dice of 2 to ${SIDES_MOST} sides.`;
        }
        const dice = Array.from({ length: count || 1 }, () => randomInt(1, sides + 1));
        return `🎲 ${dice.join(' + ')}${dice.length > 1 ? ` = ${dice.reduce((a, b) => a + b)}` : ''}`;
    }

    async #remind(text, question) {
        const [, number, unit, what] = /^(\d{1,5})([smh])\s+(.+)$/.exec(text) ?? [];
        const seconds = number * UNIT_S[unit];
        if (!(seconds <= DAY_S)) {
            return 'Say /remind 10s tea: up to a day from now.';
        }
        if (this.#reminders.size >= REMINDERS_MOST) {
            return 'I cannot remember any more; ask again later.';
        }
        await this.#whisp.realtime.addReaction(question.chatId, question.messageId, '⏰');
        const timer = setTimeout(() => {
            this.#reminders.delete(timer);
            this.#do('reminder', () => this.#reply(question, `⏰ ${what}`, 'reminder'));
        }, seconds * 1_000);
        this.#reminders.add(timer);
        return `I will, in ${number} ${unit}.`;
    }

    async #poll(text, { chatId, messageId }) {
        if (!text) {
            return 'Say /poll Pizza today?';
        }
        const poll = await this.#say(chatId, `poll-${messageId}`, POLL + text);
        for (const vote of VOTES) {
            await this.#whisp.realtime.addReaction(chatId, poll.messageId, vote);
        }
        return `React with ${VOTES.join(' or ')}; /count tells the votes.`;
    }

    /** The poll is looked for in the chat, so the bot need not remember it. It is edited to show the votes. */
    async #count(text, { chatId }) {
        const { userId: me } = this.#whisp.getAuth();
        const { messages } = await this.#whisp.getMessages(chatId, 100);
        const poll = messages.find(({ senderId, content }) => senderId === me && content.startsWith(POLL));
        if (!poll) {
            return 'There is no poll; /poll Pizza today? makes one.';
        }
        const votes = VOTES.map((vote) => {
            const count = poll.reactions.filter((one) => one.reaction === vote && one.senderId !== me).length;
            return `${vote} ${count}`;
        }).join('  ');
        const [question] = poll.content.split('\n');
        await this.#whisp.realtime.editMessage(chatId, poll.messageId, `${question}\n${votes}`);
        return `${question.slice(POLL.length)} ${votes}`;
    }

    // ------------------------------------------------------------ saying it

    #say(chatId, id, text) {
        return this.#whisp.realtime.sendMessage(chatId, text, { clientMessageId: `bot-${id}` });
    }

    #reply({ chatId, messageId }, text, what = 'answer') {
        return this.#whisp.realtime.replyToMessage(chatId, messageId, text, { clientMessageId: `${what}-${messageId}` });
    }

    /** Nobody waits for what is done here, so its errors end here. */
    #do(what, action) {
        const done = action().then(() => this.#log('answered', what), (error) => this.#log('not answered', what, error.message));
        this.#busy.add(done);
        done.finally(() => this.#busy.delete(done));
    }
}
