import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { renderTable } from '../../src/cli/table.js';
import type { Played } from '../play-scenario.js';
import { SCENARIOS } from '../scenarios/index.js';
import { MUTANTS } from './index.js';
import type { Edit } from './mutant.js';
import { copyPackage, PLAY } from './package-copy.js';

const USAGE = `Usage: npm run torture:mutants -- [--only <text>]

Plays every scenario with the code as it is, where nothing may be caught. Then breaks the code on purpose, in one way after
the other, and checks that the invariants of the fault harness catch each. Exit code 1 when something came out otherwise.

  --only <text>  mutants whose name contains it, and their scenarios`;

/** Longer than any scenario takes. */
const LIMIT_MS = 300_000;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  const mutants = MUTANTS.filter(({ name }) => name.includes(values.only ?? ''));
  if (mutants.length === 0) {
    console.error(USAGE);
    return 2;
  }
  let isGood = true;
  for (const { name } of SCENARIOS.filter(
    (scenario) => values.only === undefined || mutants.some((mutant) => mutant.scenario === scenario.name),
  )) {
    const { violations, cutShort } = await play('intact', [], name);
    const isRight = violations.length === 0 && cutShort === null;
    console.log(
      `${isRight ? 'holds ' : 'BROKEN'}  ${name}${isRight ? '' : `: ${cutShort ?? ''} ${JSON.stringify(violations)}`}`,
    );
    isGood &&= isRight;
  }
  const rows: string[][] = [];
  for (const [index, mutant] of mutants.entries()) {
    const { violations, cutShort } = await play(`mutant-${index}`, mutant.edits, mutant.scenario);
    const caught = violations.find(({ invariant }) => invariant === mutant.caughtBy);
    const others = new Set(
      violations.map(({ invariant }) => invariant).filter((name) => name !== mutant.caughtBy),
    );
    console.log(
      caught
        ? `caught  ${mutant.name}: ${caught.what}${others.size > 0 ? ` (beside: ${[...others].join(', ')})` : ''}`
        : `MISSED  ${mutant.name}: ${cutShort ?? ''} ${JSON.stringify(violations)}`,
    );
    rows.push([mutant.name, mutant.scenario, caught === undefined ? 'NOT CAUGHT' : mutant.caughtBy]);
    isGood &&= caught !== undefined;
  }
  console.log(renderTable(['mutant', 'scenario', 'caught by'], rows));
  return isGood ? 0 : 1;
}

async function play(copy: string, edits: readonly Edit[], scenario: string): Promise<Played> {
  const root = await copyPackage(copy, edits);
  try {
    const script = join(root, PLAY);
    const { stdout } = await execa(process.execPath, [script, scenario], {
      timeout: LIMIT_MS,
      // It ends what it started.
      forceKillAfterDelay: 60_000,
    });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Played;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

process.exitCode = await main();
