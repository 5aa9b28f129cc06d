import type { Life } from '../facts/life-facts.js';
import { wasOverCeiling } from './alive-untouched.js';
import type { Invariant } from './invariant.js';

export const oneProcess: Invariant = {
  name: 'one process a job',
  promise: 'no two live processes ever work on one job',
  *check({ queue, lives, hosts, terms }) {
    const mayLiveOn = new Set(
      queue.ledger
        .filter(
          (row) =>
            wasOverCeiling(queue, row, terms.ceilingS) ||
            hosts.wasDeclaredGone(row, queue.runs.get(row.runId)),
        )
        .map(({ runId }) => runId),
    );
    const byJob = new Map<string, Life[]>();
    for (const life of lives.lives.values()) byJob.set(life.jobId, [...(byJob.get(life.jobId) ?? []), life]);
    for (const [jobId, all] of byJob) {
      all.sort((a, b) => a.bornMs - b.bornMs);
      for (const [index, life] of all.entries()) {
        const earlier = all
          .slice(0, index)
          .find(({ lastMs, runId }) => lastMs > life.bornMs && !mayLiveOn.has(runId));
        if (earlier === undefined) continue;
        yield {
          what: `job ${jobId} was worked on by pid ${earlier.pid} and pid ${life.pid} at the same time`,
          evidence: { earlier, life },
        };
      }
    }
  },
};
