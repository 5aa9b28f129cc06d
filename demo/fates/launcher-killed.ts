import type { Fate } from './fate.js';

/** Only the launcher dies: monitors and agents are separate processes, so nothing needs a repair. */
export const launcherKilled: Fate = {
  id: 'launcher-killed',
  name: 'the launcher is killed, the agent keeps working',
  job: { agent: 'courier' },
  async happen(scene) {
    await scene.stage.everybodyRuns();
    await scene.deed('SIGKILL to the launcher; monitor and agent live');
    await scene.stage.killFirstLauncher();
  },
  expected: [
    'not reaped',
    'done, attempt 1',
    'taken by the first launcher',
    'its agent outlived the launcher',
  ],
  look(scene) {
    const { exitedMs } = scene.job;
    const outlived = exitedMs !== null && scene.deedMs !== null && exitedMs > scene.deedMs;
    return [outlived ? 'its agent outlived the launcher' : 'its agent has not ended since'];
  },
};
