import type { JobRun } from './types.js';

/** Longest job id, run key or host that names a watch or a queue. `reaper.examinable_run` leaves out the same rows. */
const LONGEST = 200;

/** Why a running row cannot be watched, in words, or null when it can. */
export function whyUnwatchable({ jobId, runKey, host }: JobRun): string | null {
  // The view may return a null that the type denies: it is what this function is for.
  if ((runKey as string | null) === null) return 'its run key is null';
  if (jobId.length > LONGEST) return `its job id has over ${LONGEST} characters`;
  if (runKey.length > LONGEST) return `its run key has over ${LONGEST} characters`;
  if ((host?.length ?? 0) > LONGEST) return `its host has over ${LONGEST} characters`;
  return null;
}
