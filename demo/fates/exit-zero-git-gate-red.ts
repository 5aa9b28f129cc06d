import type { Fate } from './fate.js';

/** The agent says exit 0, but its document is not on the branch: git says so. A careless first attempt is repeated. */
export const exitZeroGitGateRed: Fate = {
  id: 'git-gate-red',
  name: 'the monitor is killed after exit 0, nothing is on the branch',
  job: { agent: 'developer', stage: 'development', workItem: 'careless-developer' },
  async happen(scene) {
    await scene.exitRecorded();
    await scene.killMonitor();
  },
  expected: [
    'reaped: queued, exit0 but gate red',
    'done, attempt 2',
    'taken by the first launcher, then the second launcher',
    'gate: no such path',
  ],
  // It says what it expected first, and what it got last.
  look: (scene) => scene.claims.map(({ gate }) => `gate: ${gate?.split(', got ').at(-1) ?? 'not asked'}`),
};
