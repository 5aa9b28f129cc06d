import { operate } from '../../src/db/operate.js';
import type { Fate } from './fate.js';

const SWEEPS = 4;

/**
 * The machine is gone, and its probe with it. Nothing can know whether the run is alive, so nothing happens to it until a
 * person who knows declares the host gone.
 */
export const hostGone: Fate = {
  id: 'host-gone',
  name: 'a whole machine is gone, then declared gone',
  job: { agent: 'surveyor', host: 'far' },
  async happen(scene) {
    const { board, operator } = scene.stage;
    await scene.agentRuns();
    const { host } = scene.job;
    await scene.stage.killFarLauncher();
    await scene.killMonitorAndAgent();
    await scene.until(() => scene.sweeps >= SWEEPS);
    if (scene.claims.length > 0 || scene.job.status !== 'running' || host === null) {
      throw new Error(`Expected it to stay running while nobody answers, got ${scene.facts().join('; ')}`);
    }
    await scene.until(() => board.snapshot.hostsWithoutProbe.includes(host));
    await scene.deed(`still running after ${SWEEPS} sweeps; job-reaper host-gone ${host}`);
    await operate(operator, { action: 'host-gone', host, by: 'demo' });
  },
  expected: [
    'reaped: queued, dead pid',
    'done, attempt 2',
    'taken by the far launcher, then the second launcher',
    'evidence: host declared gone by demo',
  ],
  look: (scene) => scene.claims.map(({ evidence }) => `evidence: ${evidence}`),
};
