import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';

const SCENARIO = fileURLToPath(new URL('../../dist/torture/scenario.js', import.meta.url));

it('the clocks of hosts put forward and back by minutes: no live run is reaped, no grace cut short, and the dead are found', async () => {
  const { stdout } = await execa('node', [SCENARIO, 'clocks that step'], {
    // It ends what it started.
    forceKillAfterDelay: 60_000,
    timeout: 280_000,
  });
  const played: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  expect(played).toEqual({ violations: [], cutShort: null });
}, 300_000);
