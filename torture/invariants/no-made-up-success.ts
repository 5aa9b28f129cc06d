import type { Invariant } from './invariant.js';

export const noMadeUpSuccess: Invariant = {
  name: 'no made-up success',
  promise: 'a job is done only if its agent said exit 0 and, where there is a gate, the work was delivered',
  *check({ queue, lives }) {
    const delivered = new Set(
      [...lives.lives.values()].filter((life) => life.delivered).map(({ jobId }) => jobId),
    );
    for (const run of queue.runs.values()) {
      if (!run.ends.some(({ to }) => to === 'done')) continue;
      const life = lives.lives.get(run.runId);
      const exited = life?.exitsWithZero === true && run.exit?.code === 0;
      if (exited && (delivered.has(run.jobId) || run.taskId === null)) continue;
      yield {
        what: `job ${run.jobId} is done, ${exited ? 'and nothing was delivered' : 'and its agent never said exit 0'}`,
        evidence: { run, life },
      };
    }
  },
};
