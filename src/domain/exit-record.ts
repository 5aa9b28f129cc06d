import type { Liveness } from './liveness.js';
import type { JobRun } from './types.js';

/**
 * Whether a run's exit record tells that its agent has ended. `older`: it was recorded a second or more before the run started, so it is
 * a previous run's, which the launcher did not clear; clocks of whole seconds cannot make that of the run's own. `alive`: it was not
 * recorded a second or more after the start, or the start is not known, and the very process in the row's stamp is alive, so it may be a
 * previous run's too. `believed`: neither, or there is no record.
 *
 * `reaper.believes_exit` is the same rule in SQL, and decides by exact times what the row says here. Ages in whole seconds decide only if
 * a worker of an older version read the row.
 */
export function judgeExitRecord(run: JobRun, { proven }: Liveness): 'believed' | 'older' | 'alive' {
  if (run.exitCode === null) return 'believed';
  const { ageS, exitAgeS, exitBeforeStart, exitNearStart } = run;
  if (exitBeforeStart ?? (exitAgeS !== null && ageS !== null && exitAgeS > ageS + 1)) return 'older';
  const isNear = exitNearStart ?? (exitAgeS !== null && (ageS === null || exitAgeS >= ageS - 1));
  return isNear && proven ? 'alive' : 'believed';
}
