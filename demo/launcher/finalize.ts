import type { Database, Queryable } from '../../src/db/database.js';
import { inTransaction } from '../../src/db/transaction.js';
import { advanceTask } from './advance-task.js';
import { endJob } from './end-job.js';
import { enqueueJob } from './enqueue-job.js';
import type { Outcome } from './decide-outcome.js';
import { requeueJob } from './requeue-job.js';
import type { TakenRun } from './taken-run.js';

/**
 * Writes how the run ended and moves its task on, in one transaction: nobody ever sees one without the other.
 *
 * @returns false if the run is no longer ours, because the reaper was faster: then nothing was written
 */
export async function finalize(pool: Database, run: TakenRun, outcome: Outcome): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    // This update locks the job's row, so no claim can interleave with what follows.
    const isOurs = await write(client, run, outcome);
    if (isOurs && outcome.status === 'done') await moveOn(client, run, outcome);
    return isOurs;
  });
}

function write(client: Queryable, run: TakenRun, outcome: Outcome): Promise<boolean> {
  switch (outcome.status) {
    case 'done':
      return endJob(client, run, 'done', null);
    case 'failed':
      return endJob(client, run, 'failed', outcome.error);
    case 'queued':
      return requeueJob(client, run, outcome.error);
  }
}

async function moveOn(
  client: Queryable,
  { taskId, repo }: TakenRun,
  { advance }: Extract<Outcome, { status: 'done' }>,
): Promise<void> {
  if (taskId === null || advance === null) return;
  const { fromStage, toStage, nextAgent } = advance;
  const moved = await advanceTask(client, taskId, fromStage, toStage);
  if (moved && nextAgent !== null) await enqueueJob(client, taskId, nextAgent, repo);
}
