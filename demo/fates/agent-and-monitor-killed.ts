import type { Fate } from './fate.js';

/** The classic zombie job: nobody is left who could end it. The reaper requeues it, another launcher takes it. */
export const agentAndMonitorKilled: Fate = {
  id: 'both-killed',
  name: 'agent and monitor are killed',
  job: { agent: 'builder' },
  async happen(scene) {
    // Not before the first launcher can be gone: it would take the job again.
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
