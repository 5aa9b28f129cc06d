import type { JobRun } from './types.js';

/** Maximum length of a job id, run key or host, because they name watches and queues. `reaper.examinable_run` omits the same rows. */
const MAX_LENGTH = 200;

/** Why a running row cannot be watched, in words, or null when it can. */
export function whyUnwatchable({ jobId, runKey, host }: JobRun): string | null {
  // The view may return a null although the type denies it. Finding that is what this function is for.
  if ((runKey as string | null) === null) return 'its run key is null';
  if (jobId.length > MAX_LENGTH) return `its job id has over ${MAX_LENGTH} characters`;
  if (runKey.length > MAX_LENGTH) return `its run key has over ${MAX_LENGTH} characters`;
  if ((host?.length ?? 0) > MAX_LENGTH) return `its host has over ${MAX_LENGTH} characters`;
  return null;
}
