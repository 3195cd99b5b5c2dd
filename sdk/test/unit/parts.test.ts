// The small parts on their own, where the client as a whole would need thousands of events.

import { expect, test } from 'vitest';
import { named } from '../../src/named.js';
import { Recent } from '../../src/recent.js';

test('of the ids seen the oldest are forgotten', () => {
    const recent = new Recent(3);
    expect(['a', 'b', 'c', 'a', 'd'].map((id) => recent.add(id))).toEqual([true, true, true, false, true]);
    expect(['b', 'c', 'd', 'a'].map((id) => recent.add(id))).toEqual([false, false, false, true]);
});

test.each([
    ['in order', ['x', 'y'], [{ a: 'x', b: 'y' }, undefined]],
    ['in order with more', ['x', 'y', 7], [{ a: 'x', b: 'y' }, 7]],
    ['by name', [{ b: 'y', a: 'x', c: 'z' }], [{ a: 'x', b: 'y' }, undefined]],
    ['by name with more', [{ a: 'x', b: 'y' }, 7], [{ a: 'x', b: 'y' }, 7]],
    ['with nothing', [], [{ a: undefined, b: undefined }, undefined]],
])('fields %s', (_, args, expected) => {
    expect(named(args, 'a', 'b')).toEqual(expected);
});
