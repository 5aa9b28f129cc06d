import type { ClaimTrouble } from '../../domain/claim-trouble.js';
import { formatTime } from '../output.js';
import type { LastSweep } from '../read-state.js';

/** Why a run cannot be claimed, in words, and when it is tried again; nothing where nothing is the matter. */
export function describeTrouble(jobId: string, trouble: ClaimTrouble | null): string[] {
  if (trouble === null) return [];
  const { kind, why, failures, since, retryAt } = trouble;
  const what = kind === 'locked' ? `cannot be claimed: ${why}` : `fails: ${why}`;
  return [
    `${what} (${failures} ${failures === 1 ? 'time' : 'times'} since ${formatTime(since)})`,
    `tried again from ${formatTime(retryAt)} on, or at once: job-reaper reap ${jobId}`,
  ];
}

/** That the probe of a run's host took the last sweep's question and failed at it; nothing where it did not. */
export function describeFailingProbe(host: string | null, lastSweep: LastSweep | null): string[] {
  const cause = lastSweep?.summary.hostsFailing[host ?? ''];
  if (cause === undefined) return [];
  return [`the probe on host ${host ?? ''} failed at the last sweep: ${cause}; see the worker's log there`];
}
