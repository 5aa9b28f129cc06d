import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const RUN = fileURLToPath(new URL('../../dist/test/faults/run.js', import.meta.url));

/** A short one. Its seed has Temporal wiped, Postgres killed and clocks set; `npm run torture` has longer ones. */
const ARGS = ['--minutes', '0.6', '--seed', '18452'];

test('nothing is lost, nothing happens twice, nobody alive is touched', { timeout: 400_000 }, async () => {
  const { exitCode, all } = await execa('node', [RUN, ...ARGS], {
    all: true,
    reject: false,
    // It ends what it started.
    forceKillAfterDelay: 60_000,
    timeout: 380_000,
  });
  expect(exitCode, all).toBe(0);
  expect(all).toContain('every job ends: every job ends in a terminal status or is alive');
});
