// The server against the reference model: the cases that are kept, a fixed list of seeds, and one at random or,
// with MODEL_SECONDS, as many as fit. From the environment: SEED and STEPS (100) run one list again, PLACE with
// the options of that number (see steps.mjs); SHRINK_SECONDS (120). A difference is shown as a small list of
// steps that can be kept in cases/.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { runSteps } from './actions.mjs';
import { PLACES, randomSteps, shrink } from './steps.mjs';

const { SEED, PLACE, STEPS = '100', MODEL_SECONDS = '0', SHRINK_SECONDS = '120' } = process.env;
const SEEDS = [1, 2, 3, 4, 9, 12, 1019, 1029, 3019]; // the last ones have found something
/** A list that takes longer, on a slow machine, ends there. */
const LIST_MOST = 15_000;
const cases = new URL('cases/', import.meta.url);

/** One list of random steps; a difference is shrunk and fails. */
async function runSeed(seed, until) {
    const place = PLACE === undefined ? seed % PLACES.length : Number(PLACE);
    const options = { args: PLACES[place] };
    const steps = randomSteps(seed, Number(STEPS));
    const again = `SEED=${seed} STEPS=${STEPS} PLACE=${place}`;
    console.log(again);
    const result = await runSteps(steps, options, until);
    if (result.difference === undefined) {
        return result;
    }
    console.log(`${again} step ${result.at}: ${result.difference}`);
    const end = Date.now() + Number(SHRINK_SECONDS) * 1000;
    const small = await shrink(steps.slice(0, result.at + 1), async (rest) =>
        (await runSteps(rest, options)).difference !== undefined, end);
    const program = `{"why": "", "options": ${JSON.stringify(options)}, "steps": [\n` +
        `${small.map((step) => JSON.stringify(step)).join(',\n')}]}`;
    assert.fail(`${again} step ${result.at}: ${result.difference}\n${program}`);
    return undefined;
}

if (SEED !== undefined) {
    test(`seed ${SEED}`, () => runSeed(Number(SEED), Infinity));
} else {
    describe('kept cases', () => {
        for (const name of readdirSync(cases)) {
            const { why, steps, options } = JSON.parse(readFileSync(new URL(name, cases), 'utf8'));
            test(why, async () => {
                const { difference, at } = await runSteps(steps, options);
                assert.equal(difference, undefined, `${name}, step ${at}`);
            });
        }
    });
    describe('random steps show no difference from the model', () => {
        for (const seed of SEEDS) {
            test(`seed ${seed}`, () => runSeed(seed, Date.now() + LIST_MOST));
        }
        test('seeds never run before', async () => {
            const first = Date.now() % 2 ** 31;
            const end = Date.now() + Number(MODEL_SECONDS) * 1000;
            const sums = { lists: 0, steps: 0 };
            do {
                const { faults, steps } = await runSeed(first + sums.lists, Math.max(end, Date.now() + LIST_MOST));
                sums.lists++;
                sums.steps += steps;
                Object.entries(faults).forEach(([name, n]) => (sums[name] = (sums[name] ?? 0) + n));
            } while (Date.now() < end);
            console.log(JSON.stringify(sums));
        });
    });
}
