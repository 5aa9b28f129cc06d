import type { LedgerRow } from '../facts/queue-facts.js';
import { groupBy } from './group-by.js';
import type { Invariant } from './invariant.js';

/** Of agents that were killed: each has a process of its own, so all of its job's deaths count. */
export const crashBudgetKept: Invariant = {
  name: 'a crash budget is kept',
  promise:
    'a job that was alone in its process fails at the first death of that process over its crash budget, and not before',
  *check({ queue, terms: { maxCrashes } }) {
    if (maxCrashes === null) return;
    for (const [jobId, rows] of groupBy(queue.ledger, (row) => row.jobId)) {
      const deaths = rows.filter(({ tier }) => tier === 1).sort((a, b) => a.id - b.id);
      for (const [earlier, row] of deaths.entries()) {
        if (earlier >= maxCrashes === failedByBudget(row)) continue;
        yield {
          what: `job ${jobId} died ${earlier + 1} times with a crash budget of ${maxCrashes}, and was then ${row.outcome} (${row.reason})`,
          evidence: { row, earlier },
        };
      }
    }
  },
};

function failedByBudget({ outcome, reason }: LedgerRow): boolean {
  return outcome === 'failed' && reason.startsWith('crash budget ');
}
