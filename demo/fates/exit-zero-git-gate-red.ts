import type { Fate } from './fate.js';

/** The agent exits with 0, but git shows that its document is not on the branch. The careless first attempt is repeated. */
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
  // The reason says first what the gate expected, and last what it got.
  look: (scene) => scene.claims.map(({ gate }) => `gate: ${gate?.split(', got ').at(-1) ?? 'not asked'}`),
};
