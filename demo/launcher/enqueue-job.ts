import type { Queryable } from '../../src/db/database.js';

/** Queues the next job of a task. */
export async function enqueueJob(
  client: Queryable,
  taskId: string,
  agent: string,
  repo: string | null,
): Promise<void> {
  await client.query(`insert into public.jobs (task_id, agent, repo, status) values ($1, $2, $3, 'queued')`, [
    taskId,
    agent,
    repo,
  ]);
}
