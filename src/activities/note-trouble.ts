import type { Queryable } from '../db/database.js';
import { noteClaimTrouble, type Trouble } from '../db/claim-trouble.js';
import type { RunRef } from '../domain/types.js';
import type { Logger } from '../log.js';

/** When a run that could not be claimed is retried. */
export interface RetryNote {
  failures: number;
  /** By the database's clock, ISO 8601. */
  retryAt: string;
}

/**
 * Records that a run could not be claimed, and logs the first time. Null if it is no longer running: then nothing is recorded.
 */
export async function noteTrouble(
  { pool, log }: { pool: Queryable; log: Logger },
  ref: RunRef,
  trouble: Trouble,
): Promise<RetryNote | null> {
  const retry = await noteClaimTrouble(pool, ref, trouble);
  if (retry === null) return null;
  if (retry.failures === 1) {
    const what = trouble.kind === 'locked' ? 'is locked' : 'cannot be claimed';
    log.warn(`job ${ref.jobId} ${what}: ${trouble.why}`, { job_id: ref.jobId, run_key: ref.runKey });
  }
  return { failures: retry.failures, retryAt: retry.retryAt.toISOString() };
}
