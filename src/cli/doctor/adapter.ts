import { tryAdapter } from '../../db/inspect/adapter-trial.js';
import { fail, ok, warn, type Check } from './check.js';

const EXPECTED = 'lock_run and finish to keep the SQL contract';

/** The adapter's functions, tried on a running job in a transaction that is rolled back. */
export const adapterCheck: Check = {
  name: 'adapter',
  needs: ['postgres', 'schema'],
  async run({ admin }) {
    if (admin === null) {
      return [
        warn(EXPECTED, 'not tried: role reaper may not call them', 'set DATABASE_ADMIN_URL for doctor'),
      ];
    }
    const { jobId, mistakes } = await tryAdapter(admin);
    if (jobId === null) {
      return [warn(EXPECTED, 'no running job to try them on', 'run doctor again while a job runs')];
    }
    if (mistakes.length === 0) return [ok(EXPECTED, `tried on job ${jobId}, and rolled back`)];
    return mistakes.map((mistake) =>
      fail(EXPECTED, mistake, 'mend the adapter, then job-reaper migrate --adapter <file>'),
    );
  },
};
