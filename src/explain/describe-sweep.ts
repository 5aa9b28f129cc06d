import { isOverdue } from '../domain/overdue.js';
import type { SweepSummary } from '../workflows/messages.js';
import { formatDuration } from '../domain/duration.js';
import type { LastSweep } from './last-sweep.js';

/** A sweep in one sentence: what it found, and what it did. */
export function describeSweep(sweep: SweepSummary): string {
  if (sweep.error !== null) return `no. ${sweep.number} failed: ${sweep.error}`;
  const parts = [
    `${sweep.running} running`,
    `${sweep.symptoms} with a symptom`,
    `${sweep.watching} watched`,
    `${sweep.started} watches started`,
    `${sweep.poked} woken`,
  ];
  if (sweep.leasesReclaimed > 0) parts.push(`${sweep.leasesReclaimed} leases reclaimed`);
  if (sweep.leaseTrouble.length > 0) parts.push(`leases: ${sweep.leaseTrouble.join('; ')}`);
  if (sweep.unwatchableCount > 0) parts.push(`${sweep.unwatchableCount} that cannot be watched`);
  const silent = sweep.hostsWithoutProbe;
  if (silent.length > 0) parts.push(`no probe on ${silent.join(', ')}`);
  for (const [host, cause] of Object.entries(sweep.hostsFailing)) {
    parts.push(`the probe on ${host} fails: ${cause}`);
  }
  if (sweep.waiting > 0) parts.push(`${sweep.waiting} waiting for a free watch`);
  return `no. ${sweep.number}: ${parts.join(', ')}`;
}

/** The last sweep in a sentence or two. If it is overdue, says what to do. */
export function describeLastSweep(lastSweep: LastSweep | null, intervalS: number): string {
  if (lastSweep === null) return 'none yet: no worker has run here; start job-reaper worker';
  const text = `${formatDuration(lastSweep.ageS)} ago, ${describeSweep(lastSweep.summary)}`;
  return isOverdue(lastSweep, intervalS)
    ? `${text}. It is overdue (every ${intervalS} s): check that a worker and Temporal are running`
    : text;
}
