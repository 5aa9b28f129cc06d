import type { JobRun, Outcome } from './types.js';

/** How a run ends when it is unknown what its agent achieved. Never a success. */
export interface UnknownOutcome {
  outcome: Extract<Outcome, 'queued' | 'failed'>;
  /** The text for the job's error column. */
  error: string;
}

/** Retries while attempts are left, else fails. Null attempts count as 0; null or 0 max_attempts as 2. */
export function unknownOutcome(run: JobRun, reason: string): UnknownOutcome {
  const attempts = run.attempts ?? 0;
  const maxAttempts = run.maxAttempts === null || run.maxAttempts === 0 ? 2 : run.maxAttempts;
  return { outcome: attempts < maxAttempts ? 'queued' : 'failed', error: errorText(run, reason) };
}

/** The error text of a reaped run; a null run id prints `None`. */
export function errorText(run: JobRun, reason: string): string {
  return `reaped: ${reason} (run_id=${run.runId ?? 'None'})`;
}

/** The line of a reaped run in the log, in the original's format. */
export function reapedLine(
  run: Pick<JobRun, 'jobId' | 'agent' | 'repo' | 'runId' | 'pid'>,
  outcome: Outcome,
  reason: string,
): string {
  const who = [run.agent, run.repo, run.runId, run.pid].map((part) => part ?? 'None').join(', ');
  return `job ${run.jobId} (${who}) reaped -> ${outcome} (${reason})`;
}
