// Steps at random from a seed, the same ones each time, and a list made small that still shows a difference.

/** mulberry32: numbers in [0, 1) from a seed. */
export function numbers(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
}

/** Options of the server under which lists run, by turns. */
export const PLACES = [
    [],
    ['--batch-jobs', '2', '--resume-events', '60', '--session-output', '64k'],
    ['--retention', '3s', '--resumes', '1'],
    ['--session-jobs', '1', '--resume-readers', '1', '--compress-above', '0'],
];

const SMALL = [['send', 14], ['reply', 4], ['edit', 6], ['delete', 4], ['react', 3], ['unreact', 2], ['mark', 9],
               ['typing', 2], ['rename', 2], ['add', 4], ['remove', 3], ['create', 3], ['again', 4],
               ['look', 4], ['page', 3], ['pull', 4]];
const LARGE = [['away', 24], ['marksUnderLoad', 2], ['deleteChat', 3], ['kill', 1], ['restart', 1], ['killAmong', 2],
               ['deleteUser', 1], ['check', 4]];

export function randomSteps(seed, count) {
    const random = numbers(seed);
    const upTo = (n) => Math.floor(random() * n);
    const choose = (weighted) => {
        let left = random() * weighted.reduce((sum, [, weight]) => sum + weight, 0);
        return weighted.find(([, weight]) => (left -= weight) < 0)[0];
    };
    const steps = [{ do: 'create', u: 0, with: [1, 2] }, { do: 'create', u: 1, with: [0] }, { do: 'create', u: 2, with: [0, 1, 3] }];
    const again = () => ({ ...(random() < 0.3 && { again: random() < 0.2 ? 'kill' : 'same' }) });
    const small = (c = upTo(5)) => {
        const name = choose(SMALL);
        const where = { u: upTo(4), c, m: upTo(6) };
        return {
            send: { do: 'send', ...where, n: 1 + upTo(5) },
            reply: { do: 'send', ...where, reply: upTo(5) },
            add: { do: 'add', ...where, who: upTo(4), ...again() },
            remove: { do: 'remove', ...where, who: upTo(4) },
            create: { do: 'create', u: where.u, with: [upTo(4), upTo(4)], ...again() },
            again: { do: 'again', ...where, other: random() < 0.5 },
            page: { do: 'page', u: where.u, c, size: 1 + upTo(5), ...(random() < 0.4 && { m: where.m }) },
            pull: { do: 'pull', u: where.u, limit: 1 + upTo(20), ...(random() < 0.5 && { pages: 1 + upTo(3) }) },
        }[name] ?? { do: name, ...where };
    };
    const away = () => { // one is cut, others go on, it comes back in pieces
        const d = upTo(5);
        steps.push({ do: 'cut', d, how: ['rst', 'fin', 'silent'][upTo(3)] });
        for (let i = 2 + upTo(8); i > 0; i--) {
            steps.push(small());
        }
        if (random() < 0.3) {
            steps.push({ do: 'send', u: upTo(4), c: upTo(5), n: 20 + upTo(60), size: upTo(2) * 3000 });
        }
        if (random() < 0.15) {
            steps.push({ do: 'deleteChat', u: upTo(4), c: upTo(5) });
        }
        for (let pieces = upTo(4); pieces > 0; pieces--) {
            steps.push({ do: 'back', d, after: 1 + upTo(12), ...(random() < 0.5 && { retry: upTo(4) }) });
        }
        steps.push({ do: 'back', d, ...(random() < 0.3 && { retry: upTo(4) }), ...(random() < 0.15 && { stall: 500 + upTo(1500) }) });
    };
    while (steps.length < count) {
        const name = random() < 0.75 ? 'small' : choose(LARGE);
        if (name === 'small') {
            steps.push(small());
        } else if (name === 'away') {
            away();
        } else if (name === 'marksUnderLoad') {
            const [u, c, d] = [upTo(3), upTo(5), upTo(5)];
            steps.push({ do: 'send', u, c, n: 3 }, { do: 'mark', u: u + 1, c, m: 1 }, { do: 'mark', u: u + 1, c, m: 0 },
                       { do: 'load', n: 1300 }, { do: 'send', u, c }, { do: 'cut', d, late: true }, { do: 'wait', ms: 1100 }, { do: 'back', d });
        } else if (name === 'killAmong') {
            steps.push({ do: 'send', u: upTo(4), c: upTo(5), n: 10 + upTo(40), kill: 1 + upTo(15) });
        } else {
            steps.push({ do: name, u: upTo(4), c: upTo(5) });
        }
    }
    return steps;
}

/** Delta debugging: the smallest list found, within the time, for which `fails` still gives true. */
export async function shrink(steps, fails, until) {
    let parts = 2;
    while (steps.length > 1 && Date.now() < until) {
        const size = Math.ceil(steps.length / parts);
        let smaller;
        for (let from = 0; from < steps.length && !smaller && Date.now() < until; from += size) {
            const rest = [...steps.slice(0, from), ...steps.slice(from + size)];
            smaller = rest.length && (await fails(rest)) ? rest : undefined;
        }
        if (smaller) {
            steps = smaller;
            parts = Math.max(2, parts - 1);
        } else if (size === 1) {
            break;
        } else {
            parts = Math.min(steps.length, parts * 2);
        }
    }
    return steps;
}
