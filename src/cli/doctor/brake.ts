import { readStatus } from '../../db/status.js';
import { fail, ok, warn, type Check } from './check.js';

const EXPECTED = 'no reaped run with a live process';

/** Checks that no verdict was found to be wrong, and that the reaper has not stopped itself. */
export const brakeCheck: Check = {
  name: 'brake',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const { braked, survivors } = await readStatus(pool);
    if (braked !== null) {
      return [
        fail(
          EXPECTED,
          `job ${braked.job_id}: ${braked.now}; reaping has stopped`,
          'see job-reaper status and find out what made the verdict wrong; then run job-reaper activate',
        ),
      ];
    }
    return survivors === 0
      ? [ok(EXPECTED, 'none')]
      : [
          warn(
            EXPECTED,
            `${survivors} so far`,
            'select * from reaper.survivor shows both observations of each',
          ),
        ];
  },
};
