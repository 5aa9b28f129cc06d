import type { Database } from '../database.js';
import { believesExit } from '../fragments.js';
import { inTransaction } from '../transaction.js';
import { findUnreadableRuns, type UnreadableRun } from './unreadable.js';
import { findZoneDependence, type ZoneDependence } from './zones.js';

/** What is wrong with the rows of the view of running jobs. */
export interface RowOddities {
  running: number;
  /** The first few rows that cannot be read as a whole. Nothing else is known about them. */
  unreadable: UnreadableRun[];
  /** The first few job ids that appear more than once. */
  duplicates: string[];
  /** The first few jobs that run under a run key that was reaped before. */
  reused: string[];
  /** Columns that depend on the session's time zone. */
  zones: ZoneDependence[];
  /** 0 where rows name workers: the host is then known with the worker's process. */
  withoutHost: number;
  withoutStart: number;
  /** The first few jobs whose exit record is older than their run. */
  olderExits: string[];
  /** The first few jobs whose row shows the process of a run that was reaped because that process was dead. */
  olderStamps: string[];
}

/** Checks every column of every row as role `reaper` sees it. Only reads. */
export async function readRowOddities(pool: Database): Promise<RowOddities> {
  const unreadable = await findUnreadableRuns(pool);
  const ids = unreadable.map(({ jobId }) => jobId);
  return inTransaction(
    pool,
    async (connection) => {
      const { rows } = await connection.query<Omit<RowOddities, 'zones' | 'unreadable'>>(
        `with r as (select * from reaper.running_job where job_id is null or job_id <> all($1))
         select count(*) as running,
                case when reaper.names_workers() then 0 else count(*) filter (where coalesce(host, '') = '') end as "withoutHost",
                count(*) filter (where started_at is null) as "withoutStart",
                coalesce((select array_agg(job_id) from (select job_id from r group by job_id
                                                         having count(*) > 1 order by job_id limit 5) d), '{}') as duplicates,
                coalesce((select array_agg(job_id) from (select r.job_id from r join reaper.ledger l using (job_id, run_key)
                                                          order by 1 limit 5) d), '{}') as reused,
                coalesce((select array_agg(job_id) from (select r.job_id from r where r.exit_code is not null and not ${believesExit(false)}
                                                          order by 1 limit 5) d), '{}') as "olderExits",
                coalesce((select array_agg(job_id) from (select distinct r.job_id from r join reaper.ledger l using (job_id, process_identity)
                                                          where l.run_key <> r.run_key and l.tier = 1
                                                          order by 1 limit 5) d), '{}') as "olderStamps"
           from r`,
        [ids],
      );
      if (rows[0] === undefined) throw new Error('Expected one row of counts, got none');
      return { ...rows[0], unreadable, zones: await findZoneDependence(connection, ids) };
    },
    { begin: 'begin isolation level repeatable read read only', end: 'rollback' },
  );
}
