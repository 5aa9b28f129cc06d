import type { Database } from '../../src/db/database.js';
import type { Fate } from '../fates/fate.js';

/** Queues the job of every fate, in one transaction, so that the launchers find them all at the same time. */
export async function enqueueFates(admin: Database, fates: readonly Fate[]): Promise<void> {
  const tasks = fates.filter(({ job }) => job.stage !== undefined);
  await admin.query(
    `with task as (
       insert into public.tasks (id, repo, branch, stage, work_item_id)
       select * from json_to_recordset($1) as t(id text, repo text, branch text, stage text, work_item text)
     )
     insert into public.jobs (id, task_id, agent, repo, max_attempts)
     select * from json_to_recordset($2) as j(id text, task_id text, agent text, repo text, max_attempts integer)`,
    [
      JSON.stringify(
        tasks.map(({ id, job: { stage, repo = 'demo', workItem = id } }) => ({
          id,
          repo,
          branch: branchOf(id),
          stage,
          work_item: workItem,
        })),
      ),
      JSON.stringify(
        fates.map(({ id, job: { agent, stage, repo = 'demo', maxAttempts = 2 } }) => ({
          id,
          task_id: stage === undefined ? null : id,
          agent,
          repo,
          max_attempts: maxAttempts,
        })),
      ),
    ],
  );
}

/** The branch of a fate's task. */
export function branchOf(id: string): string {
  return `work/${id}`;
}
