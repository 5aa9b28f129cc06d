import { listClaimTrouble } from '../../db/claim-trouble.js';
import { readLastSweep } from '../../db/last-sweep.js';
import { counted, formatTime } from '../../domain/wording.js';
import { explainRecordedState } from '../../db/server-state.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

/** The maximum number of runs that are listed. */
const NAMED = 5;
/** The maximum number of runs that are counted. */
const COUNTED = 1_000;

/** Checks that no claim fails, and that no run waits for a free watch. */
export const claimsCheck: Check = {
  name: 'claims',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const troubles = await listClaimTrouble(pool, COUNTED);
    const sweep = await readLastSweep(pool);
    const findings: Finding[] = [];
    for (const { jobId, kind, why, since, failures, retryAt } of troubles.slice(0, NAMED)) {
      const next = `retried after ${formatTime(retryAt)}`;
      findings.push(
        kind === 'locked'
          ? warn(
              `the row of job ${jobId} not to be locked`,
              `${why}; ${next}`,
              'end the transaction that locks it',
            )
          : fail(
              `job ${jobId} to be claimed`,
              `${why}, ${counted(failures, 'time')} since ${formatTime(since)}; ${next}`,
              `${explainRecordedState(why)?.todo ?? 'correct what raises this error when the row is written'}; then job-reaper reap ${jobId} retries immediately`,
            ),
      );
    }
    if (troubles.length > NAMED) {
      const more = troubles.length - NAMED;
      findings.push(
        warn(
          'no other run that cannot be claimed',
          `${more} more`,
          'select * from reaper.troubled_run lists them',
        ),
      );
    }
    const waiting = sweep?.summary['waiting'];
    if (typeof waiting === 'number' && waiting > 0) {
      findings.push(
        warn(
          'a watch for each run with a symptom',
          `${waiting} waiting for one`,
          'raise REAPER_MAX_WATCHES, or find out below why the open watches do not end',
        ),
      );
    }
    return findings.length > 0 ? findings : [ok('claims that succeed', 'no run with trouble')];
  },
};
