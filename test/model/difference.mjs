// What every part of the tester needs: a difference between server and model is an error of its own.

export class Difference extends Error {
    name = 'Difference';
}

export function differ(text) {
    throw new Difference(text);
}

/** The two are the same as JSON, or it is a difference. */
export function same(what, got, wanted) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    if (a !== b) {
        differ(`${what}: ${a}, the model has ${b}`);
    }
}

/** Element n of the list, counted round; undefined of none. */
export const pick = (list, n) => (list.length ? list[Math.abs(n ?? 0) % list.length] : undefined);

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
