import { readFleet } from '../../db/fleet.js';
import { readRowOddities } from '../../db/inspect/rows.js';
import { describeZoneDependence } from '../../db/inspect/zones.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

/** The rows of the view are such that every one of them can be looked after. */
export const rowsCheck: Check = {
  name: 'rows',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const { running, unreadable, duplicates, reused, zones, withoutHost, withoutStart, olderExits } =
      await readRowOddities(pool);
    const findings: Finding[] = unreadable.map(({ jobId, why }) =>
      fail(
        'every column of every row to be readable',
        `job ${jobId}: ${why}`,
        'correct the row, and have the adapter cast such a value to null: docs/sql-contract.md',
      ),
    );
    // Hosts and ids of these would not be read either.
    const { unwatchable } =
      unreadable.length > 0 ? { unwatchable: { count: 0, sample: [] } } : await readFleet(pool);
    if (duplicates.length > 0) {
      findings.push(
        fail(
          'each job once in reaper.running_job',
          `more often: ${duplicates.join(', ')}`,
          "mend the adapter's joins",
        ),
      );
    }
    if (reused.length > 0) {
      findings.push(
        fail(
          'run keys that never come again',
          `reaped before, and running under the same key: ${reused.join(', ')}`,
          'have launchers set a new run key, or another started_at, with "running"',
        ),
      );
    }
    for (const zone of zones) {
      const { got, todo } = describeZoneDependence(zone);
      findings.push(fail('times and run keys that do not depend on the time zone', got, todo));
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
    if (olderExits.length > 0) {
      findings.push(
        warn(
          'exit records that are younger than their run',
          `older ones, so that their runs are judged as if they had none: ${olderExits.join(', ')}`,
          'have launchers clear exit_code and finished_at whenever they start a run: docs/sql-contract.md',
        ),
      );
    }
    if (withoutStart > 0) {
      findings.push(
        warn(
          'a started_at in each row',
          `${withoutStart} without one, so that their age is unknown`,
          'have launchers set started_at together with "running"',
        ),
      );
    }
    return findings.length > 0
      ? findings
      : [ok('rows that can be watched', `${running} running, all of them`)];
  },
};
