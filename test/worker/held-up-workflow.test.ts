import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, inject, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../support/slow-worker.mjs', import.meta.url));

// The SDK interrupts a step of a workflow after 5 s, and Node.js may end the whole process for it.
it('a machine that stands still for 6 s in the middle of a workflow’s step costs neither the worker nor the workflow', async () => {
  const { stdout } = await execa('node', [PROGRAM], {
    env: { TEMPORAL_ADDRESS: inject('temporalAddress') },
    timeout: 100_000,
  });
  expect(stdout.split('\n')).toContain('done');
});
