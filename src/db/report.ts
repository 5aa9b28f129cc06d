import type { Queryable } from './database.js';

/** A summary of the dry run's would-be reaps of one agent, outcome and tier. */
export interface ReportLine {
  agent: string | null;
  outcome: string;
  tier: number;
  runs: number;
  /** Runs that ended without us: for each of them a reap would have been wrong or needless. */
  endedByThemselves: number;
  /** Runs that were reaped later, after activation. */
  reaped: number;
  stillRunning: number;
  lastReason: string;
  lastAt: Date;
}

/** What the dry run would have done within the last `sinceS` seconds. */
export async function readReport(pool: Queryable, sinceS: number): Promise<ReportLine[]> {
  const { rows } = await pool.query<ReportLine>(
    `select agent, outcome, tier, count(*) as runs,
            count(*) filter (where became = 'ended by itself') as "endedByThemselves",
            count(*) filter (where became = 'reaped') as reaped,
            count(*) filter (where became is null) as "stillRunning",
            (array_agg(reason order by id desc))[1] as "lastReason", max(observed_at) as "lastAt"
       from reaper.observation
      where observed_at > (select reaper.now()) - make_interval(secs => $1)
      group by agent, outcome, tier
      order by agent nulls first, tier, outcome`,
    [sinceS],
  );
  return rows;
}
