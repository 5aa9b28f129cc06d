import type { Control } from '../db/control.js';

/** Whether anything is claimed now, in one sentence that names everything that prevents it. */
export function describeControl({ policy, paused, pausedBy, pausedReason, mode, brakedBy }: Control): string {
  const obstacles: string[] = [];
  if (!policy.enabled) obstacles.push('disabled: the worker has REAPER_ENABLED=false');
  if (paused)
    obstacles.push(
      `paused by ${pausedBy ?? 'an unknown operator'}: ${pausedReason ?? 'no reason given'} (job-reaper resume ends it)`,
    );
  if (mode === 'observe') obstacles.push('observing: a dry run, job-reaper report lists would-be reaps');
  if (brakedBy !== null) {
    obstacles.push(
      `stopped itself: job ${brakedBy} was reaped, but its process is alive. Find out why, then run job-reaper activate`,
    );
  }
  return obstacles.length === 0 ? 'active: dead runs are reaped' : obstacles.join('; ');
}
