import type { Database } from '../../src/db/database.js';
import { recordChanges } from './flight-recorder.js';
import { LOGINS } from './logins.js';
import { addPoison } from './poison.js';
import { inOpenTransaction } from './open-transaction.js';

/**
 * Swaps the jobs' table for a copy, as tools do that change a table without stopping its users: copy, rename, rename. What goes
 * by its identity, like views, continues with the old one.
 */
export async function swapJobsTable(admin: Database): Promise<void> {
  await inOpenTransaction(admin, async (client) => {
    await client.query(`
      set local lock_timeout = '5s';
      lock table public.jobs in access exclusive mode;
      create table public.jobs_copy (like public.jobs including all);
      alter table public.jobs_copy add foreign key (task_id) references public.tasks,
                                   add foreign key (run_id) references public.agent_runs;
      insert into public.jobs_copy select * from public.jobs;
      alter table public.jobs rename to jobs_before;
      alter table public.jobs_copy rename to jobs;
      grant select, insert, update on public.jobs to ${LOGINS.launcher}`);
    await recordChanges(client, 'public.jobs');
    await addPoison(client, 'public.jobs');
    await client.query('commit');
  });
}

/** Drops the table from before, once nothing goes by it any more. */
export async function dropTableBefore(admin: Database): Promise<void> {
  await admin.query('drop table if exists public.jobs_before');
}
