import { WorkflowNotFoundError } from '@temporalio/client';
import { readLastSweep } from '../../db/last-sweep.js';
import { readSweepScan } from '../../temporal/sweep-scan.js';
import { warn, type Check } from './check.js';
import { judgeSkew } from './clock-skew.js';

const ATTEMPTS = 5;

/** The database's clock, by which ages are told, against Temporal's, by which streaks are. */
export const clockTemporalCheck: Check = {
  name: 'clock of Temporal',
  needs: ['postgres', 'schema', 'temporal', 'namespace'],
  async run({ pool, temporal, namespace, names }) {
    const { workflowService } = await temporal();
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const before = await readLastSweep(pool);
      const scan = await readSweepScan(workflowService, namespace, names.reaper).catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      });
      const after = await readLastSweep(pool);
      // A sweep that ended meanwhile belongs to another scan.
      if (before === null || scan === null || before.at.getTime() !== after?.at.getTime()) continue;
      // The database was asked between the two: whatever lies inside is no skew.
      const at = before.at.getTime();
      const skewS = Math.max(0, scan.startedMs - at, at - scan.completedMs) / 1000;
      return [
        judgeSkew("the database's and Temporal's clock", skewS, 'grace and streak end too early or too late'),
      ];
    }
    return [
      warn(
        'clocks to compare',
        'no sweep to compare them by',
        'start a worker, wait for a sweep, run doctor again',
      ),
    ];
  },
};
