import type { Fate } from './fate.js';

/**
 * By now, another process has the pid in the row: that the pid exists proves nothing. Nobody can make the kernel assign a
 * certain pid. So the row gets the pid of a running process (this demo) together with the dead agent's stamp, which is
 * exactly what a reused pid looks like.
 */
export const reusedPid: Fate = {
  id: 'reused-pid',
  name: 'agent and monitor are killed, the pid is reused',
  job: { agent: 'builder' },
  async happen(scene) {
    // Wait until the first launcher may be gone: it would take the job again.
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
