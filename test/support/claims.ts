import type { Database } from '../../src/db/database.js';
import { claim, type Claim, type ClaimResult } from '../../src/db/claim.js';
import type { RunRef } from '../../src/domain/types.js';

/** Claims a run with the facts of `insertRunningJob`'s defaults; a test names only what it is about. */
export function claimRun(
  pool: Database,
  ref: RunRef,
  given: Partial<Omit<Claim, 'run'>> & { run?: Partial<Claim['run']> } = {},
): Promise<ClaimResult> {
  const { run, ...rest } = given;
  return claim(pool, {
    claimer: 'watch-1',
    workflowId: 'reaper/watch/1',
    outcome: 'queued',
    tier: 1,
    reason: 'dead pid=4242',
    error: 'reaped: dead pid=4242 (run_id=r)',
    evidence: { liveness: { state: 'dead' } },
    advance: null,
    ...rest,
    run: { jobId: ref.jobId, runKey: ref.runKey, pid: 4242, processIdentity: null, exitCode: null, ...run },
  });
}

/** How many claims are on record. */
export async function countLedger(admin: Database): Promise<number> {
  const { rows } = await admin.query<{ n: number }>('select count(*) as n from reaper.ledger');
  return rows[0]?.n ?? 0;
}
