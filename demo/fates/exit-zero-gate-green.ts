import type { Fate } from './fate.js';

/** The agent committed its work and exited with 0; only the monitor died. The work need not be done again. */
export const exitZeroGateGreen: Fate = {
  id: 'gate-green',
  name: 'the monitor is killed after exit 0, the work is there',
  job: { agent: 'developer', stage: 'development' },
  async happen(scene) {
    await scene.exitRecorded();
    await scene.killMonitor();
  },
  expected: [
    'reaped: done, exit0, gate green',
    'done, attempt 1',
    'taken by the first launcher',
    'next jobs: reviewer done',
    'its task is released',
  ],
  look(scene) {
    const { taskId, stage } = scene.job;
    const next = scene.stage.board.snapshot.jobs.filter(
      (job) => job.taskId === taskId && job.id !== scene.jobId,
    );
    return [
      // If the task had advanced twice, there would be two.
      `next jobs: ${next.map(({ agent, status }) => `${agent} ${status}`).join(', ') || 'none'}`,
      `its task is ${stage === 'released' ? 'released' : `in stage ${stage ?? 'none'}`}`,
    ];
  },
};
