import { listClaimTrouble } from '../../db/claim-trouble.js';
import { readLastSweep } from '../../db/last-sweep.js';
import { formatTime } from '../output.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

/** Runs that are named at most. */
const NAMED = 5;
/** Runs that are counted at most. */
const COUNTED = 1_000;

/** Runs that are to be claimed are claimed: none fails at it, and none waits for a place. */
export const claimsCheck: Check = {
  name: 'claims',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const troubles = await listClaimTrouble(pool, COUNTED);
    const sweep = await readLastSweep(pool);
    const findings: Finding[] = [];
    for (const { jobId, kind, why, since, failures, retryAt } of troubles.slice(0, NAMED)) {
      const next = `tried again from ${formatTime(retryAt)} on`;
      findings.push(
        kind === 'locked'
          ? warn(`the row of job ${jobId} free`, `${why}; ${next}`, 'end the transaction that holds it')
          : fail(
              `job ${jobId} to be claimed`,
              `${why}, ${failures} times since ${formatTime(since)}; ${next}`,
              `correct what raises this when the row is written; then job-reaper reap ${jobId} tries at once`,
            ),
      );
    }
    if (troubles.length > NAMED) {
      const more = troubles.length - NAMED;
      findings.push(
        warn('all runs claimed', `${more} more that cannot be`, 'select * from reaper.troubled_run'),
      );
    }
    const waiting = sweep?.summary['waiting'];
    if (typeof waiting === 'number' && waiting > 0) {
      findings.push(
        warn(
          'a place for the watch of each run with a symptom',
          `${waiting} that wait for one`,
          'raise REAPER_MAX_WATCHES, or see below why those that have one do not end',
        ),
      );
    }
    return findings.length > 0 ? findings : [ok('runs that can be claimed', 'none that cannot be')];
  },
};
