import type { Database } from '../../src/db/database.js';

/**
 * An adapter over a table that can hold anything that the contract's view can return: no key, no check and no default
 * protects it.
 */
export async function installAnyRows(admin: Database): Promise<void> {
  await admin.query(`
    create table public.any_run (
      row_id bigint generated always as identity primary key,
      job_id text, run_key text, run_id text, task_id text, agent text, repo text, host text, pid bigint,
      process_identity text, attempts integer, max_attempts integer, max_running_s bigint, started_at timestamptz,
      exit_code integer, finished_at timestamptz, branch text, stage text, job_stage text, work_item text,
      ended_as text
    );
    create or replace view reaper.running_job as
      select job_id, run_key, run_id, task_id, agent, repo, host, pid, process_identity, attempts, max_attempts,
             max_running_s, started_at, exit_code, finished_at, branch, stage, job_stage, work_item
        from public.any_run where ended_as is null;
    create or replace function reaper.lock_run(p_job_id text, p_run_key text) returns setof reaper.running_job
      language plpgsql as $$
      begin
        perform from public.any_run where job_id = p_job_id for no key update;
        return query select * from reaper.running_job where job_id = p_job_id and run_key = p_run_key limit 1;
      end $$;
    create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text) returns boolean
      language plpgsql as $$
      begin
        update public.any_run set ended_as = p_status
         where job_id = p_job_id and run_key = p_run_key and ended_as is null;
        return found;
      end $$;
    -- As migrate would have it: what the view reads, so that sweeps do not take it for one of a table that was switched.
    update reaper.adapter set relations = array['public.any_run'];`);
}

/** A row of {@link installAnyRows}; a column that is omitted is null. */
export type AnyRow = Partial<{
  job_id: string | null;
  run_key: string | null;
  run_id: string | null;
  task_id: string | null;
  agent: string | null;
  repo: string | null;
  host: string | null;
  pid: string | number | null;
  process_identity: string | null;
  attempts: number | null;
  max_attempts: number | null;
  max_running_s: string | number | null;
  /** In Postgres' syntax, including `infinity`. */
  started_at: string | null;
  exit_code: number | null;
  finished_at: string | null;
  branch: string | null;
  stage: string | null;
  job_stage: string | null;
  work_item: string | null;
}>;

export async function insertAnyRows(admin: Database, rows: readonly AnyRow[]): Promise<void> {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].join(', ');
  await admin.query(
    `insert into public.any_run (${columns})
     select ${columns} from jsonb_populate_recordset(null::public.any_run, $1)`,
    [JSON.stringify(rows)],
  );
}

/** How the runs of a job ended; null while one is running. */
export async function endedAs(admin: Database, jobId: string): Promise<(string | null)[]> {
  const { rows } = await admin.query<{ as: string | null }>(
    'select ended_as as "as" from public.any_run where job_id = $1 order by row_id',
    [jobId],
  );
  return rows.map((row) => row.as);
}
