import { isAlive } from '../world/kill-process.js';
import type { Fate } from './fate.js';

const SWEEPS = 10;

/** Nothing happens to it: an agent without any sign of life for the whole time is healthy, and is left alone. */
export const blockedEventLoop: Fate = {
  id: 'blocked',
  name: 'a healthy agent blocks its event loop',
  job: { agent: 'thinker' },
  async happen(scene) {
    await scene.agentRuns();
    await scene.deed('its agent blocks its event loop; nothing else happens to it');
  },
  expected: [
    'not reaped',
    'running, attempt 1',
    'taken by the first launcher',
    'the same process is alive',
    `${SWEEPS} sweeps or more`,
  ],
  look(scene) {
    const { agent } = scene.firstRun();
    return [
      agent.pid === scene.job.pid && isAlive(agent) ? 'the same process is alive' : 'its process is gone',
      scene.sweeps >= SWEEPS ? `${SWEEPS} sweeps or more` : `${scene.sweeps} sweeps`,
    ];
  },
};
