import type { Facts } from '../facts/facts.js';
import type { LedgerRow } from '../facts/queue-facts.js';
import type { Invariant } from './invariant.js';

/** Judged by the agents' own proof of life: one that was written after the claim says that it was alive. */
export const aliveUntouched: Invariant = {
  name: 'nobody alive touched',
  promise:
    'no run below its ceiling is reaped while its agent is alive, and none that is proven alive; nor one on a host that was declared gone, once its probe has answered',
  *check({ queue, lives, hosts, terms }) {
    for (const row of queue.ledger) {
      const life = lives.lives.get(row.runId);
      const isAllowed =
        wasOverCeiling(queue, row, terms.ceilingS) || hosts.wasDeclaredGone(row, queue.runs.get(row.runId));
      if (life !== undefined && life.lastMs > row.atMs && !isAllowed) {
        yield {
          what: `job ${row.jobId} was reaped (${row.reason}) while its agent lived, ${Math.round(life.lastMs - row.atMs)} ms before its last proof of life`,
          evidence: { row, life },
        };
      }
      if (row.tier === 3 && row.evidence.liveness.proven) {
        yield {
          what: `job ${row.jobId} was reaped (${row.reason}) although it was proven alive`,
          evidence: row,
        };
      }
    }
  },
};

/** Whether the backstop ended it: then nothing is promised about its agent. */
export function wasOverCeiling(queue: Facts['queue'], row: LedgerRow, ceilingS: number): boolean {
  const run = queue.runs.get(row.runId);
  return row.tier === 3 && run !== undefined && row.atMs - run.startedMs >= ceilingS * 1000;
}
