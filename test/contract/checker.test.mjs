// The checker must itself be proved to notice each fault, else a clean verdict means nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Checker, CLEAN } from './checker.mjs';

const event = (seq, message = `text ${seq}`, type = 'SEND_MSG') => ({ type, chatId: 'c', seq, message });

function run({ confirmed = [], arrived = [] }) {
    const checker = new Checker();
    checker.member('bob', 'c');
    for (const seq of confirmed) checker.confirmed('c', `text ${seq}`);
    for (const each of arrived) {
        checker.arrived('bob', each);
    }
    return checker;
}

const rows = [
    { name: 'nothing at all', want: {} },
    { name: 'all there, in order', confirmed: [1, 2, 3], arrived: [event(1), event(2), event(3)], want: {} },
    { name: 'arrived without a receipt', confirmed: [1], arrived: [event(1), event(2)], want: {} },
    { name: 'starts in the middle', confirmed: [7], arrived: [event(7)], want: {} },
    { name: 'a confirmed one never came', confirmed: [1, 2], arrived: [event(1)], want: { lost: 1 } },
    { name: 'nothing came at all', confirmed: [1, 2], arrived: [], want: { lost: 2 } },
    { name: 'the same event twice', confirmed: [1], arrived: [event(1), event(1)], want: { doubled: 1 } },
    {
        name: 'the same text under two numbers',
        confirmed: [1],
        arrived: [event(1), event(2, 'text 1')],
        want: { doubled: 1 },
    },
    { name: 'exchanged', confirmed: [1, 2], arrived: [event(2), event(1)], want: { reordered: 1 } },
    { name: 'a hole', confirmed: [1, 3], arrived: [event(1), event(3)], want: { holes: 1 } },
    { name: 'a late one fills its hole', arrived: [event(1), event(3), event(2)], want: { reordered: 1 } },
    {
        name: 'other stored events have numbers too',
        confirmed: [1, 3],
        arrived: [event(1), event(2, 'r', 'REACT'), event(3)],
        want: {},
    },
    {
        name: 'events that are not stored have none',
        confirmed: [1],
        arrived: [{ type: 'TYPING', chatId: 'c' }, event(1)],
        want: {},
    },
];

for (const row of rows) {
    test(`checker: ${row.name}`, () => {
        assert.deepEqual(run(row).verdict(), { ...CLEAN, ...row.want });
    });
}

test('checker: recipients and chats are apart', () => {
    const checker = new Checker();
    checker.member('bob', 'c');
    checker.member('eve', 'c');
    checker.confirmed('c', 'text 1');
    checker.confirmed('d', 'text 9');
    checker.arrived('bob', event(1));
    assert.deepEqual(checker.verdict(), { ...CLEAN, lost: 1 });
    assert.deepEqual(checker.summary(), {
        confirmed: 2,
        deliveries: 1,
        unconfirmed: 0,
        lost: [{ recipient: 'eve', key: 'text 1' }],
    });
});

test('checker: a history is checked like a recipient', () => {
    const checker = new Checker();
    checker.confirmed('c', 'a');
    checker.confirmed('c', 'b');
    checker.history('history', 'c', ['a', 'a', 'x']);
    assert.deepEqual(checker.verdict(), { ...CLEAN, lost: 1, doubled: 1 });
});
