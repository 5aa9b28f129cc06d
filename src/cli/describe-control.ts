import type { Control } from '../db/control.js';

/** Whether anything is claimed now, in one sentence that names everything that stands in the way. */
export function describeControl({ policy, paused, pausedBy, pausedReason, mode, brakedBy }: Control): string {
  const obstacles: string[] = [];
  if (!policy.enabled) obstacles.push('disabled by REAPER_ENABLED=false of the worker');
  if (paused) obstacles.push(`paused by ${pausedBy ?? 'somebody'}: ${pausedReason ?? 'no reason given'}`);
  if (mode === 'observe') obstacles.push('observing: a dry run, would-be reaps go to job-reaper report');
  if (brakedBy !== null) {
    obstacles.push(
      `stopped itself: job ${brakedBy} was reaped, but its process lives. Find out why, then job-reaper activate`,
    );
  }
  return obstacles.length === 0 ? 'active: dead runs are reaped' : obstacles.join('; ');
}
