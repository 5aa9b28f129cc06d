import { groupBy } from './group-by.js';
import type { Invariant } from './invariant.js';

export const claimsAndLedger: Invariant = {
  name: 'claims and ledger agree',
  promise: 'each claim has exactly one ledger row, written in its own transaction, and the other way round',
  *check({ queue }) {
    const rowsByRun = groupBy(queue.ledger, ({ runId }) => runId);
    for (const run of queue.runs.values()) {
      for (const end of run.ends.filter(({ by }) => by === 'reaper')) {
        const rows = rowsByRun.get(run.runId) ?? [];
        if (rows.length === 1 && rows[0]?.xid === end.xid && rows[0].outcome === end.to) continue;
        const found = rows.map(
          ({ outcome, xid }) => `${outcome}, written in ${xid === end.xid ? 'its' : 'another'} transaction`,
        );
        yield {
          what: `the reaper ended run ${run.runId} of job ${run.jobId} as ${end.to}, and ${rows.length} ledger rows say so (${found.join('; ')})`,
          evidence: { run, rows },
        };
      }
    }
    for (const row of queue.ledger) {
      const run = queue.runs.get(row.runId);
      if (run?.ends.filter(({ xid }) => xid === row.xid).length === 1) continue;
      yield {
        what: `ledger row ${row.id} says that run ${row.runId} of job ${row.jobId} was ended, and its transaction did not end it`,
        evidence: { row, run },
      };
    }
  },
};
