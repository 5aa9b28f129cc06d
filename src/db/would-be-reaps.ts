import type { Queryable } from './database.js';
import type { Outcome, Tier } from '../domain/types.js';

/** What the dry run would have done to a run. */
export interface WouldBeReap {
  runKey: string;
  observedAt: Date;
  outcome: Outcome;
  tier: Tier;
  reason: string;
  /** What became of the run, or null while it is running. */
  became: 'ended by itself' | 'reaped' | null;
}

/** The would-be reaps of one job, the newest first. */
export async function listWouldBeReaps(
  pool: Queryable,
  jobId: string,
  limit: number,
): Promise<WouldBeReap[]> {
  const { rows } = await pool.query<WouldBeReap>(
    `select run_key as "runKey", observed_at as "observedAt", outcome, tier, reason, became
       from reaper.observation
      where job_id = $1
      order by id desc
      limit $2`,
    [jobId, limit],
  );
  return rows;
}
