import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, inject, test } from 'vitest';

const RUN = fileURLToPath(new URL('../../dist/demo/run.js', import.meta.url));

/** The fates, by their names in the final table. */
const FATES = [
  'a healthy agent blocks its event loop',
  'agent and monitor are killed',
  'the monitor is killed after exit 0, the work is there',
  'the monitor is killed after exit 0, nothing is on the branch',
  'the monitor is killed after exit 0, a command finds no work',
  'the monitor is killed after exit 1 of the last attempt',
  'a live monitor finalizes slowly',
  'the monitor is killed while it merges, under a lease',
  'the launcher is killed, the agent keeps working',
  'agent and monitor are killed, the pid is reused',
  'a whole machine is gone, then declared gone',
];

test('every fate of the demo comes true, on existing servers', { timeout: 150_000 }, async () => {
  const { exitCode, all } = await execa('node', [RUN, '--exit'], {
    env: { DATABASE_ADMIN_URL: inject('adminUrl'), TEMPORAL_ADDRESS: inject('temporalAddress') },
    all: true,
    reject: false,
    // It ends what it started.
    forceKillAfterDelay: 60_000,
    timeout: 140_000,
  });

  expect(exitCode, all).toBe(0);
  expect(all).toContain(`All ${FATES.length} fates came true.`);
  for (const fate of FATES) expect(all).toContain(`✓ ${fate} `);
});
