import type { Fate } from './fate.js';

/** The classic zombie job: nothing is left that could end it. The reaper requeues it, and another launcher takes it. */
export const agentAndMonitorKilled: Fate = {
  id: 'both-killed',
  name: 'agent and monitor are killed',
  job: { agent: 'builder' },
  async happen(scene) {
    // Wait until the first launcher may be gone: it would take the job again.
    await scene.stage.everybodyRuns();
    await scene.agentRuns();
    await scene.killMonitorAndAgent();
  },
  expected: [
    'reaped: queued, dead pid',
    'done, attempt 2',
    'taken by the first launcher, then the second launcher',
  ],
};
