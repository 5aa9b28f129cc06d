import type { Fate } from './fate.js';

/**
 * The pid in the row belongs to somebody else by now: to look whether it exists proves nothing. Nobody can make the
 * kernel give out a certain pid, so the row gets the pid of a process that runs, this demo, beside the dead agent's stamp:
 * just what a reused pid looks like.
 */
export const reusedPid: Fate = {
  id: 'reused-pid',
  name: 'agent and monitor are killed, the pid is reused',
  job: { agent: 'builder' },
  async happen(scene) {
    // Not before the first launcher can be gone: it would take the job again.
    await scene.stage.everybodyRuns();
    await scene.agentRuns();
    await scene.killMonitorAndAgent();
    await scene.stage.admin.query(`update public.jobs set pid = $2 where id = $1 and status = 'running'`, [
      scene.jobId,
      process.pid,
    ]);
  },
  expected: [
    'reaped: queued, dead pid',
    'done, attempt 2',
    'taken by the first launcher, then the second launcher',
    'evidence: the pid is reused',
  ],
  look: (scene) =>
    scene.claims.map(({ evidence }) =>
      evidence.startsWith(`pid ${process.pid} reused`)
        ? 'evidence: the pid is reused'
        : `evidence: ${evidence}`,
    ),
};
