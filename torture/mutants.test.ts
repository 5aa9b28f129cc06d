import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../src/paths.js';
import { JUDGED } from './invariants/index.js';
import { MUTANTS } from './mutants/index.js';
import { checkEdits, PLAY } from './mutants/package-copy.js';
import { SCENARIOS } from './scenarios/index.js';

const INVARIANTS = JUDGED.flatMap(({ invariants }) => invariants.map(({ name }) => name));

test.each(MUTANTS)(
  'the code that the mutant breaks is still there: $name',
  async ({ edits, scenario, caughtBy }) => {
    await checkEdits(edits);
    expect(SCENARIOS.map(({ name }) => name)).toContain(scenario);
    expect(INVARIANTS).toContain(caughtBy);
  },
);

test.each(INVARIANTS)('a mutant is to be caught by: %s', (name) => {
  expect(MUTANTS.map(({ caughtBy }) => caughtBy)).toContain(name);
});

test('the program that plays a scenario is where the mutants look for it', () => {
  expect(existsSync(join(packageRoot, PLAY))).toBe(true);
});
