import type { SweepSummary } from '../workflows/messages.js';

/** A sweep in one sentence: what it saw, and what it did. */
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
  if (sweep.waiting > 0) parts.push(`${sweep.waiting} that wait for a place`);
  return `no. ${sweep.number}: ${parts.join(', ')}`;
}
