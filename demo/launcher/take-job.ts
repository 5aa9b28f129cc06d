import { randomUUID } from 'node:crypto';
import type { Database } from '../../src/db/database.js';
import type { TakenRun } from './taken-run.js';

/**
 * `skip locked` makes launchers that query at the same moment take different jobs. The same statement first inserts the
 * run's row, so the job is never running without a run.
 */
const SQL = `
  with next as (
    select j.id, t.branch, t.stage, t.work_item_id
      from public.jobs j
      left join public.tasks t on t.id = j.task_id
     where j.status = 'queued'
       and ($3::text[] is null or j.agent = any ($3))
     order by j.id
     limit 1
       for no key update of j skip locked
  ), run as (
    insert into public.agent_runs (id) select $1 from next returning id
  )
  update public.jobs j
     set status = 'running', attempts = coalesce(j.attempts, 0) + 1, host = $2, pid = null, process_identity = null,
         run_id = run.id, started_at = reaper.now(), finished_at = null
    from next, run
   where j.id = next.id
  returning j.id as "jobId", j.run_id as "runId", coalesce(j.agent, '') as agent, j.repo, j.attempts as attempt,
            coalesce(nullif(j.max_attempts, 0), 2) as "maxAttempts", j.task_id as "taskId",
            next.branch, next.stage, next.work_item_id as "workItem"`;

/** Which jobs a launcher takes. */
export interface TakeJobOptions {
  /** Written to the row: the probe of this host will check the pid. */
  host: string;
  /** Null for the jobs of all agents. */
  agents: readonly string[] | null;
}

/** Takes one queued job, or returns null if there is none. */
export async function takeJob(pool: Database, { host, agents }: TakeJobOptions): Promise<TakenRun | null> {
  const { rows } = await pool.query<TakenRun>(SQL, [randomUUID(), host, agents]);
  return rows[0] ?? null;
}
