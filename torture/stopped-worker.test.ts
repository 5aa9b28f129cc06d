import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const PLAY = fileURLToPath(new URL('../dist/torture/scenario.js', import.meta.url));

// Within, the scenario waits for exactly one advance and one next job of each task.
test(
  'a worker that slept while it asked gates: each is asked elsewhere, each task advances once',
  { timeout: 400_000 },
  async () => {
    const { stdout } = await execa('node', [PLAY, 'a worker that slept while it asked gates'], {
      // It ends what it started.
      forceKillAfterDelay: 60_000,
      timeout: 380_000,
    });
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({ violations: [], cutShort: null });
  },
);
