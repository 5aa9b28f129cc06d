import type { Fate } from './fate.js';

/** The gate is a command, which exits with 1 while there is no sign-off. */
export const exitZeroCommandGateRed: Fate = {
  id: 'command-gate-red',
  name: 'the monitor is killed after exit 0, a command finds no work',
  job: { agent: 'reviewer', stage: 'review', workItem: 'careless-reviewer' },
  async happen(scene) {
    await scene.exitRecorded();
    await scene.killMonitor();
  },
  expected: [
    'reaped: queued, exit0 but gate red',
    'done, attempt 2',
    'taken by the first launcher, then the second launcher',
    'gate: expected "test" to exit with 0, but it exited with 1',
  ],
  look: (scene) => scene.claims.map(({ gate }) => `gate: ${gate ?? 'not asked'}`),
};
