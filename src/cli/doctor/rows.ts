import { readFleet } from '../../db/fleet.js';
import { readRowOddities } from '../../db/inspect/rows.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

/** The rows of the view are such that every one of them can be looked after. */
export const rowsCheck: Check = {
  name: 'rows',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const { running, duplicates, unstable, withoutHost } = await readRowOddities(pool);
    const { unwatchable } = await readFleet(pool);
    const findings: Finding[] = [];
    if (duplicates.length > 0) {
      findings.push(
        fail(
          'each job once in reaper.running_job',
          `more often: ${duplicates.join(', ')}`,
          "mend the adapter's joins",
        ),
      );
    }
    if (unstable.length > 0) {
      findings.push(
        fail(
          'run keys that do not depend on the time zone',
          `another in each zone: ${unstable.join(', ')}`,
          'have the adapter use extract(epoch from ...), not a text of the time',
        ),
      );
    }
    if (unwatchable.count > 0) {
      const sample = unwatchable.sample.map(({ jobId, why }) => `${jobId}: ${why}`).join('; ');
      findings.push(
        fail(
          'rows that can be watched',
          `${unwatchable.count} that cannot (${sample})`,
          'set what is missing as "running" is set',
        ),
      );
    }
    if (withoutHost > 0) {
      findings.push(
        warn(
          'a host in each row',
          `${withoutHost} without one, so they are unknown`,
          'have launchers write the host with the pid',
        ),
      );
    }
    return findings.length > 0
      ? findings
      : [ok('rows that can be watched', `${running} running, all of them`)];
  },
};
