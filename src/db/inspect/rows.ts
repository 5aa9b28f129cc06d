import type { Database } from '../database.js';

/** What is odd about the rows of the view of running jobs. */
export interface RowOddities {
  running: number;
  /** Job ids that appear more than once, the first few. */
  duplicates: string[];
  /** Jobs whose run key differs by the session's time zone, the first few. */
  unstable: string[];
  withoutHost: number;
}

const SAMPLE = 200;
/** Two that are never the same time. */
const ZONES = ['Pacific/Kiritimati', 'Pacific/Pago_Pago'];

/** Looks at the rows as role `reaper` sees them. Reads only. */
export async function readRowOddities(pool: Database): Promise<RowOddities> {
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const { rows } = await client.query<Omit<RowOddities, 'unstable'>>(
      `select count(*) as running, count(*) filter (where coalesce(host, '') = '') as "withoutHost",
              coalesce((select array_agg(job_id) from (select job_id from reaper.running_job group by job_id
                                                       having count(*) > 1 order by job_id limit 5) d), '{}') as duplicates
         from reaper.running_job`,
    );
    const keys: Map<string, string | null>[] = [];
    for (const zone of ZONES) {
      await client.query(`select set_config('TimeZone', $1, true)`, [zone]);
      const found = await client.query<{ job_id: string; run_key: string | null }>(
        `select job_id, run_key from reaper.running_job order by job_id, run_key limit ${SAMPLE}`,
      );
      keys.push(new Map(found.rows.map((row) => [row.job_id, row.run_key])));
    }
    const [one, other] = keys;
    const unstable = [...(one ?? [])].filter(([job, key]) => other?.get(job) !== key).map(([job]) => job);
    if (rows[0] === undefined) throw new Error('Expected one row of counts, got none');
    return { ...rows[0], unstable: unstable.slice(0, 5) };
  } finally {
    await client.query('rollback');
    client.release();
  }
}
