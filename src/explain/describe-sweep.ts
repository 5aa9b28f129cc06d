import { isOverdue } from '../domain/overdue.js';
import type { SweepSummary } from '../workflows/messages.js';
import { formatDuration } from '../domain/duration.js';
import { counted } from '../domain/wording.js';
import type { LastSweep } from './last-sweep.js';

/** A sweep in one sentence: what it found, and what it did. */
export function describeSweep(sweep: SweepSummary): string {
  if (sweep.error !== null) return describeFailure(sweep);
  const parts = [`${sweep.running} running`, `${sweep.watching} watched`, ...describeDone(sweep)];
  if (sweep.unwatchableCount > 0) parts.push(`${sweep.unwatchableCount} that cannot be watched`);
  const silent = sweep.hostsWithoutProbe;
  if (silent.length > 0) parts.push(`no probe on ${silent.join(', ')}`);
  for (const [host, cause] of Object.entries(sweep.hostsFailing)) {
    parts.push(`the probe on ${host} fails: ${cause}`);
  }
  if (sweep.waiting > 0) parts.push(`${sweep.waiting} waiting for a watch`);
  return `no. ${sweep.number}: ${parts.join(', ')}`;
}

function describeFailure({ number, error }: SweepSummary): string {
  return `no. ${number} failed: ${error ?? ''}`;
}

function describeDone(sweep: SweepSummary): string[] {
  const parts = [`${sweep.symptoms} with a symptom`];
  if (sweep.started > 0) parts.push(`${sweep.started} ${sweep.started === 1 ? 'watch' : 'watches'} started`);
  const hostWatches = sweep.hostWatches ?? 0;
  if (hostWatches > 0) parts.push(`${hostWatches} host ${hostWatches === 1 ? 'watch' : 'watches'} started`);
  if (sweep.poked > 0) parts.push(`${sweep.poked} woken`);
  if (sweep.leasesReclaimed > 0) parts.push(`${counted(sweep.leasesReclaimed, 'lease')} reclaimed`);
  if (sweep.leaseTrouble.length > 0) parts.push(`leases: ${sweep.leaseTrouble.join('; ')}`);
  return parts;
}

/**
 * The last sweep in a sentence or two: what it did. What it found is shown beside it, as it is now. If it is overdue, says what to do.
 */
export function describeLastSweep(lastSweep: LastSweep | null, intervalS: number): string {
  if (lastSweep === null) return 'none yet: no worker has run here; start job-reaper worker';
  const { summary } = lastSweep;
  const did =
    summary.error === null
      ? `no. ${summary.number}: ${describeDone(summary).join(', ')}`
      : describeFailure(summary);
  const text = `${formatDuration(lastSweep.ageS)} ago, ${did}`;
  return isOverdue(lastSweep, intervalS)
    ? `${text}. It is overdue (every ${intervalS} s): check that a worker and Temporal are running`
    : text;
}
