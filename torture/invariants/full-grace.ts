import type { Invariant } from './invariant.js';

export const fullGrace: Invariant = {
  name: 'no grace cut short',
  promise:
    'a run with an exit code is left to its monitor for the whole grace, and one without until its ceiling',
  *check({ queue, terms }) {
    for (const row of queue.ledger) {
      const run = queue.runs.get(row.runId);
      if (run === undefined) continue;
      const sinceMs =
        row.tier === 2 ? (run.exit?.atMs ?? Infinity) : row.tier === 3 ? run.startedMs : -Infinity;
      const dueS = row.tier === 2 ? terms.graceS : terms.ceilingS;
      const ageS = (row.atMs - sinceMs) / 1000;
      if (ageS >= dueS) continue;
      yield {
        what: `job ${row.jobId} was reaped (${row.reason}) after ${ageS.toFixed(2)} of ${dueS} s`,
        evidence: { row, run },
      };
    }
  },
};
