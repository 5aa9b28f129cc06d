import type { Invariant } from './invariant.js';

export const freshEvidence: Invariant = {
  name: 'evidence is what was found',
  promise: 'a claim rests on the pid and the exit code that the row has at the moment of the claim',
  *check({ queue }) {
    for (const row of queue.ledger) {
      const run = queue.runs.get(row.runId);
      const exitCode = run?.exit && run.exit.order < row.order ? run.exit.code : null;
      if (row.evidence.exitCode !== exitCode) {
        yield {
          what: `job ${row.jobId} was reaped (${row.reason}) on exit code ${row.evidence.exitCode ?? 'None'} while the row had ${exitCode ?? 'None'}`,
          evidence: { row, run },
        };
      }
      const [, pid] = /^dead pid=(\w+)$/.exec(row.reason) ?? [];
      if (pid !== undefined && pid !== String(row.pid ?? 'None')) {
        yield {
          what: `job ${row.jobId} was reaped (${row.reason}) while its pid was ${row.pid ?? 'None'}`,
          evidence: row,
        };
      }
    }
  },
};
