import { readFleet } from '../../db/fleet.js';
import { readRowOddities } from '../../db/inspect/rows.js';
import { describeZoneDependence } from '../../db/inspect/zones.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

/** Checks that every row of the view can be read and watched. */
export const rowsCheck: Check = {
  name: 'rows',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const {
      running,
      unreadable,
      duplicates,
      reused,
      zones,
      withoutHost,
      withoutStart,
      olderExits,
      olderStamps,
    } = await readRowOddities(pool);
    const findings: Finding[] = unreadable.map(({ jobId, why }) =>
      fail(
        'every row to be readable',
        `job ${jobId}: ${why}`,
        'correct the row, and make the adapter cast such values to null: docs/sql-contract.md',
      ),
    );
    // This query would fail at unreadable rows.
    const { unwatchable } =
      unreadable.length > 0 ? { unwatchable: { count: 0, sample: [] } } : await readFleet(pool);
    if (duplicates.length > 0) {
      findings.push(
        fail(
          'each job once in reaper.running_job',
          `duplicates: ${duplicates.join(', ')}`,
          "fix the adapter's joins",
        ),
      );
    }
    if (reused.length > 0) {
      findings.push(
        fail(
          'a new run key for each run',
          `already reaped, but running under the same key: ${reused.join(', ')}`,
          'make launchers set a new run key, or a new started_at, together with "running"',
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
          'make launchers set what is missing together with "running"',
        ),
      );
    }
    if (withoutHost > 0) {
      findings.push(
        warn(
          'a host in each row',
          `${withoutHost} without one, so they are unknown`,
          'make launchers write the host with the pid',
        ),
      );
    }
    if (olderExits.length > 0) {
      findings.push(
        warn(
          'exit records that are newer than the start of their run',
          `older ones, which are ignored: ${olderExits.join(', ')}`,
          'make launchers clear exit_code and finished_at when they start a run: docs/sql-contract.md',
        ),
      );
    }
    if (olderStamps.length > 0) {
      findings.push(
        fail(
          'rows that show the process of their own run',
          `those of an earlier run, which was reaped because it was dead: ${olderStamps.join(', ')}`,
          'make launchers clear or set pid and process_identity in the statement that takes the job: docs/sql-contract.md',
        ),
      );
    }
    if (withoutStart > 0) {
      findings.push(
        warn(
          'a started_at in each row',
          `${withoutStart} without one, so their age is unknown`,
          'make launchers set started_at together with "running"',
        ),
      );
    }
    return findings.length > 0 ? findings : [ok('rows that can be watched', `all ${running} running jobs`)];
  },
};
