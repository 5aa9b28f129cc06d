import type { ClaimTrouble } from '../domain/claim-trouble.js';
import { counted, formatTime } from '../domain/wording.js';
import type { LastSweep } from './last-sweep.js';

/** Describes why a run cannot be claimed, and when that is retried. Empty if there is no trouble. */
export function describeTrouble(jobId: string, trouble: ClaimTrouble | null): string[] {
  if (trouble === null) return [];
  const { kind, why, failures, since, retryAt } = trouble;
  const what = kind === 'locked' ? `cannot be claimed: ${why}` : `fails: ${why}`;
  return [
    `${what} (${counted(failures, 'time')} since ${formatTime(since)})`,
    `retried after ${formatTime(retryAt)}, or immediately with job-reaper reap ${jobId}`,
  ];
}

/** Reports that the probe of the run's host failed at the last sweep. Empty if it did not. */
export function describeFailingProbe(host: string | null, lastSweep: LastSweep | null): string[] {
  const cause = lastSweep?.summary.hostsFailing[host ?? ''];
  if (cause === undefined) return [];
  return [`the probe on host ${host ?? ''} failed at the last sweep: ${cause}; see the worker's log there`];
}
