import { readLastSweep, type RecordedSweep } from '../../db/last-sweep.js';
import { readSweepScan } from '../../temporal/sweep-scan.js';
import { warn, type Check } from './check.js';
import { judgeSkew } from './clock-skew.js';

const ATTEMPTS = 5;

/** Compares the database's clock, which run ages depend on, with Temporal's, which streaks depend on. */
export const clockTemporalCheck: Check = {
  name: 'clock of Temporal',
  needs: ['postgres', 'schema', 'temporal', 'namespace'],
  async run({ pool, temporal, namespace, names }) {
    const { workflowService } = await temporal();
    let newest: RecordedSweep | null = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const before = await readLastSweep(pool);
      const scan = await readSweepScan(workflowService, namespace, names.reaper);
      newest = await readLastSweep(pool);
      // If another sweep ended meanwhile, its record belongs to another scan.
      if (before === null || scan === null || before.at.getTime() !== newest?.at.getTime()) continue;
      // The database was queried between the two, so any difference within that is not skew.
      const at = before.at.getTime();
      const skewS = Math.max(0, scan.startedMs - at, at - scan.completedMs) / 1000;
      return [
        judgeSkew(
          "the database's and Temporal's clocks",
          skewS,
          'grace and streak end too early or too late',
        ),
      ];
    }
    if (typeof newest?.summary['error'] === 'string') {
      return [
        warn(
          "a sweep that succeeds, to compare the database's and Temporal's clocks",
          'the last one failed',
          'correct what "reaper" above says of it, then run doctor again',
        ),
      ];
    }
    return [
      warn(
        "a sweep to compare the database's and Temporal's clocks",
        'none',
        'start a worker, wait for a sweep, then run doctor again',
      ),
    ];
  },
};
