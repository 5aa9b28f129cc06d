import { expect, test } from 'vitest';
import { ALWAYS, AT_LAST, REPAIRED } from './invariants/index.js';
import { MUTANTS } from './mutants/index.js';
import { checkEdits } from './mutants/package-copy.js';
import { SCENARIOS } from './scenarios/index.js';

test.each(MUTANTS)(
  'the code that the mutant breaks is still there: $name',
  async ({ edits, scenario, caughtBy }) => {
    await checkEdits(edits);
    expect(SCENARIOS.map(({ name }) => name)).toContain(scenario);
    expect([...ALWAYS, ...REPAIRED, ...AT_LAST].map(({ name }) => name)).toContain(caughtBy);
  },
);
