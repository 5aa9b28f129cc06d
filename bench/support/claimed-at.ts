import type { Database } from '../../src/db/database.js';
import { until } from './until.js';

/** The database's clock in Unix seconds. */
export async function readClock(admin: Database): Promise<number> {
  const { rows } = await admin.query<{ now: number }>(
    'select extract(epoch from reaper.now())::double precision as now',
  );
  return rows[0]?.now ?? NaN;
}

/**
 * Waits for the claim. Returns its time in Unix seconds by the database's clock.
 *
 * @param limitMs how many milliseconds to wait
 */
export async function claimedAt(
  admin: Database,
  jobId: string,
  assertRunning: () => void,
  limitMs = 60_000,
): Promise<number> {
  let at: number | undefined;
  await until(
    `the claim of ${jobId}`,
    async () => {
      assertRunning();
      const { rows } = await admin.query<{ at: number }>(
        'select extract(epoch from claimed_at)::double precision as at from reaper.ledger where job_id = $1',
        [jobId],
      );
      at = rows[0]?.at;
      return at !== undefined;
    },
    limitMs,
  );
  return at ?? NaN;
}
