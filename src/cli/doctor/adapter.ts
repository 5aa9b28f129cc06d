import { tryAdapter } from '../../db/inspect/adapter-trial.js';
import { fail, ok, warn, type Check } from './check.js';

const EXPECTED = 'lock_run and finish to keep the SQL contract';

/** What a claim does, tried on a running job in a transaction that is rolled back. */
export const adapterCheck: Check = {
  name: 'adapter',
  needs: ['postgres', 'schema'],
  async run({ admin }) {
    if (admin === null) {
      return [
        warn(EXPECTED, 'not tried: role reaper may not call them', 'set DATABASE_ADMIN_URL for doctor'),
      ];
    }
    const { jobId, locked, asReaper, mistakes } = await tryAdapter(admin);
    if (jobId === null) {
      const got = locked > 0 ? `somebody holds the rows of all ${locked} that were tried` : 'no running job';
      return [warn(EXPECTED, `${got}: not tried`, 'run doctor again while a job runs')];
    }
    const findings = mistakes.map((mistake) =>
      fail(EXPECTED, mistake, 'correct the adapter or what its triggers do, then run job-reaper migrate'),
    );
    if (!asReaper) {
      findings.push(
        warn(
          'the trial to be as role reaper, as claims are',
          'tried as the owner of the schema, who may not become role reaper',
          'have an administrator GRANT reaper TO that owner',
        ),
      );
    }
    return findings.length > 0
      ? findings
      : [ok(EXPECTED, `a claim of job ${jobId} tried as role reaper, and rolled back`)];
  },
};
