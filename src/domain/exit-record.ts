import type { Liveness } from './liveness.js';
import type { JobRun } from './types.js';

/**
 * Whether a run's exit record tells that its agent has ended. `older`: it was recorded a second or more before the run started, so it is
 * a previous run's, which the launcher did not clear; clocks of whole seconds cannot make that of the run's own. `alive`: it was not
 * recorded a second or more after the start, or the start is not known, and the very process in the row's stamp is alive, so it may be a
 * previous run's too. `believed`: neither, or there is no record.
 *
 * The same rule as `reaper.believes_exit` in SQL, which the view's exact times go through; ages in whole seconds decide only where
 * a worker of an older version does not say.
 */
export function judgeExitRecord(run: JobRun, { proven }: Liveness): 'believed' | 'older' | 'alive' {
  if (run.exitCode === null) return 'believed';
  const { ageS, exitAgeS, exitBeforeStart, exitNearStart } = run;
  if (exitBeforeStart ?? (exitAgeS !== null && ageS !== null && exitAgeS > ageS + 1)) return 'older';
  const isNear = exitNearStart ?? (exitAgeS !== null && (ageS === null || exitAgeS >= ageS - 1));
  return isNear && proven ? 'alive' : 'believed';
}
