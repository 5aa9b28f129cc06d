import { expect, it } from 'vitest';
import { JUDGED } from '../../torture/invariants/index.js';
import { MUTANTS } from '../../torture/mutants/index.js';
import { readPage } from './support.js';

const page = await readPage('docs/reliability.md');

it('docs/reliability.md lists the invariants, and when each is judged', () => {
  expect(tableBelow('## What held')).toEqual(
    JUDGED.flatMap(({ when, invariants }) => invariants.map(({ name, promise }) => [name, promise, when])),
  );
});

it('docs/reliability.md lists the mutants', () => {
  const rows = MUTANTS.map(({ name, scenario, caughtBy }) => [name, scenario, caughtBy]);
  expect(tableBelow('## Is the harness able to notice?').sort()).toEqual(rows.sort());
});

/** The rows of the first table below a heading, without its head. */
function tableBelow(heading: string): string[][] {
  const section = page.split(`${heading}\n`)[1] ?? '';
  const lines = section.split('\n');
  const begin = lines.findIndex((line) => line.startsWith('|'));
  const table = lines.slice(begin);
  const end = table.findIndex((line) => !line.startsWith('|'));
  return table.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
