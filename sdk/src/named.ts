/**
 * Calls with several fields may be made in either way: `f('x', 'y', more)` or `f({a: 'x', b: 'y'},
 * more)`. Gives the fields by name, and what follows them.
 */
export function named<N extends string, M>(args: readonly unknown[], ...names: N[]): [Record<N, string>, M | undefined] {
    const [first] = args;
    const isObject = typeof first === 'object' && first !== null;
    const values = isObject ? names.map((name) => (first as Record<N, unknown>)[name]) : args;
    const fields = Object.fromEntries(names.map((name, i) => [name, values[i]]));
    return [fields as Record<N, string>, args[isObject ? 1 : names.length] as M | undefined];
}
