// The server against the reference model: the cases that are kept, then lists of random steps until the
// time is over. From the environment: SEED and STEPS run one list again, PLACE with the options of that
// number (see steps.mjs), MODEL_SECONDS (100), SHRINK_SECONDS (120). A difference is shown as a small list that can be kept in cases/.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { PLACES, randomSteps, shrink } from './steps.mjs';
import { runSteps } from './world.mjs';

const { SEED, STEPS = '120', PLACE, MODEL_SECONDS = '100', SHRINK_SECONDS = '120' } = process.env;
const cases = new URL('cases/', import.meta.url);

describe('kept cases', () => {
    const names = SEED === undefined ? readdirSync(cases).filter((file) => file.endsWith('.json')) : [];
    for (const name of names) {
        const { why, steps, options } = JSON.parse(readFileSync(new URL(name, cases), 'utf8'));
        test(why, async () => {
            const { difference, at } = await runSteps(steps, options);
            assert.equal(difference, undefined, `${name}, step ${at}`);
        });
    }
});

async function runSeed(seed, place, until) {
    const options = { args: PLACES[place] };
    const steps = randomSteps(seed, Number(STEPS));
    const result = await runSteps(steps, options, until);
    if (result.difference === undefined) {
        return result;
    }
    const again = `SEED=${seed} STEPS=${STEPS} PLACE=${place}`;
    console.log(`${again} step ${result.at}: ${result.difference}`);
    const end = Date.now() + Number(SHRINK_SECONDS) * 1000;
    const small = await shrink(steps.slice(0, result.at + 1), async (rest) =>
        (await runSteps(rest, options)).difference !== undefined, end);
    const program = `{"why": "", "options": ${JSON.stringify(options)}, "steps": [\n` +
        `${small.map((step) => JSON.stringify(step)).join(',\n')}]}`;
    assert.fail(`${again} step ${result.at}: ${result.difference}\n${program}`);
    return undefined;
}

test('random steps show no difference from the model', async () => {
    const until = Date.now() + Number(MODEL_SECONDS) * 1000;
    const first = SEED === undefined ? Date.now() % 2 ** 31 : Number(SEED);
    const sums = { lists: 0, steps: 0 };
    for (let i = 0; i === 0 || (SEED === undefined && Date.now() < until); i++) {
        const place = PLACE === undefined ? (first + i) % PLACES.length : Number(PLACE);
        console.log(`SEED=${first + i} STEPS=${STEPS} PLACE=${place}`);
        const { faults, steps } = await runSeed(first + i, place, SEED === undefined ? until : Infinity);
        sums.lists++;
        sums.steps += steps;
        Object.entries(faults).forEach(([name, n]) => (sums[name] = (sums[name] ?? 0) + n));
    }
    console.log(JSON.stringify(sums));
});
