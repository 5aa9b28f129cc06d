import type { ClaimPlan } from '../domain/claim-plan.js';
import { reapedLine } from '../domain/outcome.js';
import type { JobRun } from '../domain/types.js';
import type { Logger } from '../log.js';
import type { ClaimCount, ProcessMetrics } from '../metrics/process-metrics.js';

/** What became of a claim, as far as it is counted. */
export interface NotedResult {
  result: ClaimCount['result'];
  ledgerId: number | null;
}

/** Counts a claim, and logs one that was won. */
export function noteClaim(
  { log, metrics }: { log: Logger; metrics: ProcessMetrics },
  run: JobRun,
  { outcome, tier, reason, evidence }: Pick<ClaimPlan, 'outcome' | 'tier' | 'reason' | 'evidence'>,
  { result, ledgerId }: NotedResult,
): void {
  const { deadForS } = evidence;
  metrics.countClaim({ result, tier, deadForS: typeof deadForS === 'number' ? deadForS : null });
  if (result !== 'won') return;
  log.info(reapedLine(run, outcome, reason), {
    job_id: run.jobId,
    run_key: run.runKey,
    outcome,
    tier,
    reason,
    ledger_id: ledgerId,
  });
}
