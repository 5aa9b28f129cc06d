import type { Database } from '../../src/db/database.js';
import type { TakenRun } from '../../demo/launcher/taken-run.js';

/** A run as the launcher that took it knows it; null when it has ended. */
export async function readTakenRun(
  admin: Database,
  { jobId, runId }: Pick<TakenRun, 'jobId' | 'runId'>,
): Promise<TakenRun | null> {
  const { rows } = await admin.query<TakenRun>(
    `select j.id as "jobId", j.run_id as "runId", coalesce(j.agent, '') as agent, j.repo, j.attempts as attempt,
            coalesce(nullif(j.max_attempts, 0), 2) as "maxAttempts", j.task_id as "taskId", t.branch, t.stage,
            t.work_item_id as "workItem"
       from public.jobs j
       left join public.tasks t on t.id = j.task_id
      where j.id = $1 and j.run_id = $2 and j.status = 'running'`,
    [jobId, runId],
  );
  return rows[0] ?? null;
}
