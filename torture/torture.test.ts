import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const RUN = fileURLToPath(new URL('../dist/torture/run.js', import.meta.url));

/** A short one; `npm run torture` has longer ones. Its seed is fixed, so that it is the same kind of run each time. */
const ARGS = ['--minutes', '0.6', '--seed', '18452'];
/** Of some 50 that are drawn; on a machine with much else to do, fewer find their moment. */
const MIN_FAULTS = 15;
const MIN_LOOKS = 20;
/** However short a run is. */
const SURE = [
  'host: its clock put forward or back by minutes',
  'Postgres: SIGKILL, started again',
  'Temporal: SIGKILL, database wiped, started again',
];

test('nothing is lost, nothing happens twice, nobody alive is touched', { timeout: 400_000 }, async () => {
  const { exitCode, all } = await execa('node', [RUN, ...ARGS], {
    all: true,
    reject: false,
    // It stops what it started.
    forceKillAfterDelay: 60_000,
    timeout: 380_000,
  });
  expect(exitCode, all).toBe(0);
  expect(numberIn(all, /, (\d+) faults injected:/), all).toBeGreaterThanOrEqual(MIN_FAULTS);
  expect(numberIn(all, /there were (\d+) looks/), all).toBeGreaterThanOrEqual(MIN_LOOKS);
  for (const kind of SURE) {
    expect(
      numberIn(all, new RegExp(`^\\| ${kind} +\\| (\\d+) +\\|$`, 'm')),
      `${kind}\n${all}`,
    ).toBeGreaterThan(0);
  }
  expect(all).toContain('every job ends: every job ends in a terminal status or is alive');
});

/** The number that a pattern captures; NaN if it does not match. */
function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? NaN);
}
