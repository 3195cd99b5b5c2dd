// Counts what a load test must never see. Per recipient: each message exactly once, in `seq` order,
// and no hole in `seq`. Knows nothing of sockets: tests tell it what was confirmed and what arrived.
//
//     const checker = new Checker();
//     checker.member('bob/phone', chatId);          // who should see that chat
//     checker.confirmed(chatId, 'text 17');         // a RECEIPT came for it
//     checker.arrived('bob/phone', event);          // any event, in order of arrival
//     assert.deepEqual(checker.verdict(), CLEAN);
//
// A message is named by its text (load tests make texts unique), or by what `key(event)` gives.
// A message that arrived without being confirmed is not a fault: its RECEIPT may have been lost with
// the connection. It is counted as `unconfirmed`, outside the verdict.

export const CLEAN = Object.freeze({ lost: 0, doubled: 0, reordered: 0, holes: 0 });

const MESSAGES = new Set(['SEND_MSG', 'REPLY']);

export class Checker {
    #views = new Map(); // recipient -> chat -> view
    #confirmed = new Map(); // chat -> set of keys
    #key;

    constructor({ key = (event) => event.message } = {}) {
        this.#key = key;
    }

    member(recipient, chatId) {
        this.#view(recipient, chatId);
    }

    confirmed(chatId, key) {
        if (!this.#confirmed.has(chatId)) {
            this.#confirmed.set(chatId, new Set());
        }
        this.#confirmed.get(chatId).add(key);
    }

    arrived(recipient, event) {
        if (event.seq === undefined) { // not a stored event
            return;
        }
        const view = this.#view(recipient, event.chatId);
        if (view.seqs.has(event.seq)) {
            view.doubled++;
            return;
        }
        view.seqs.add(event.seq);
        if (event.seq < view.last) {
            view.reordered++;
        } else {
            view.last = event.seq;
        }
        if (MESSAGES.has(event.type)) {
            const key = this.#key(event);
            if (view.keys.has(key)) {
                view.doubled++;
            }
            view.keys.add(key);
        }
    }

    // A page of history counts as a recipient too: give the chat's messages oldest first. Other
    // stored events are absent from it, so it has no `seq` to check; order is by the texts.
    history(recipient, chatId, contents) {
        const view = this.#view(recipient, chatId);
        for (const key of contents) {
            if (view.keys.has(key)) {
                view.doubled++;
            }
            view.keys.add(key);
        }
    }

    verdict() {
        const sum = { ...CLEAN };
        for (const [, chats] of this.#views) {
            for (const [chatId, view] of chats) {
                sum.doubled += view.doubled;
                sum.reordered += view.reordered;
                sum.holes += holes(view.seqs);
                for (const key of this.#confirmed.get(chatId) ?? []) {
                    if (!view.keys.has(key)) {
                        sum.lost++;
                    }
                }
            }
        }
        return sum;
    }

    // For printing: how much was looked at, and which messages were lost by whom (the first few).
    summary() {
        let deliveries = 0;
        let unconfirmed = 0;
        const lost = [];
        for (const [recipient, chats] of this.#views) {
            for (const [chatId, view] of chats) {
                const wanted = this.#confirmed.get(chatId) ?? new Set();
                deliveries += view.keys.size;
                for (const key of view.keys) {
                    if (!wanted.has(key)) {
                        unconfirmed++;
                    }
                }
                for (const key of wanted) {
                    if (!view.keys.has(key) && lost.length < 10) lost.push({ recipient, key });
                }
            }
        }
        let confirmed = 0;
        for (const keys of this.#confirmed.values()) {
            confirmed += keys.size;
        }
        return { confirmed, deliveries, unconfirmed, lost };
    }

    #view(recipient, chatId) {
        if (!this.#views.has(recipient)) {
            this.#views.set(recipient, new Map());
        }
        const chats = this.#views.get(recipient);
        if (!chats.has(chatId)) {
            chats.set(chatId, { seqs: new Set(), keys: new Set(), last: 0, doubled: 0, reordered: 0 });
        }
        return chats.get(chatId);
    }
}

// How many numbers between the lowest and the highest are missing.
function holes(seqs) {
    if (seqs.size === 0) {
        return 0;
    }
    let low = Infinity;
    let high = -Infinity;
    for (const seq of seqs) {
        if (seq < low) {
            low = seq;
        }
        if (seq > high) {
            high = seq;
        }
    }
    return high - low + 1 - seqs.size;
}
