import { tryAdapter } from '../../db/inspect/adapter-trial.js';
import { fail, ok, warn, type Check } from './check.js';

const EXPECTED = 'lock_run and finish to follow the SQL contract';

/** Tries what a claim does on a running job, in a transaction that is rolled back. */
export const adapterCheck: Check = {
  name: 'adapter',
  needs: ['postgres', 'schema'],
  async run({ admin }) {
    if (admin === null) {
      return [
        warn(
          EXPECTED,
          'not tried: role reaper may not call them',
          'set DATABASE_ADMIN_URL, then run doctor again',
        ),
      ];
    }
    const { jobId, locked, asReaper, mistakes } = await tryAdapter(admin);
    if (jobId === null) {
      const got = locked > 0 ? `the rows of all ${locked} candidate jobs are locked` : 'no running job';
      return [warn(EXPECTED, `${got}: not tried`, 'run doctor again while a job runs')];
    }
    const findings = mistakes.map((mistake) =>
      fail(EXPECTED, mistake, 'correct the adapter or its triggers, then run job-reaper migrate'),
    );
    if (!asReaper) {
      findings.push(
        warn(
          'a trial as role reaper, like a claim',
          'tried as the owner of the schema, which may not SET ROLE reaper',
          'ask an administrator to GRANT reaper TO that owner',
        ),
      );
    }
    return findings.length > 0
      ? findings
      : [ok(EXPECTED, `tried a claim of job ${jobId} as role reaper, and rolled it back`)];
  },
};
