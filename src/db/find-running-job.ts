import type { Queryable } from './database.js';
import type { JobRun } from '../domain/types.js';
import { JOB_RUN_COLUMNS, toJobRun } from './job-run.js';

/** The run of a job that is marked running, or null. Its run key may be null: then it cannot be watched. */
export async function findRunningJob(pool: Queryable, jobId: string): Promise<JobRun | null> {
  const { rows } = await pool.query<JobRun>(
    `select ${JOB_RUN_COLUMNS} from reaper.running_job r cross join (select reaper.now() as now) c where r.job_id = $1`,
    [jobId],
  );
  return rows[0] ? toJobRun(rows[0]) : null;
}
