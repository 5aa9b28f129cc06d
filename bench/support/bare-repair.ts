import pg from 'pg';
import { BENCH_HOST } from './environment.js';

/**
 * Seconds that the same repair takes without proof, record or care: one scan, one signal 0 to each process, and one statement that requeues
 * everything and writes the ledger. The limit of what any reaper can do.
 */
export async function bareRepair(adminUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: adminUrl, application_name: 'job-reaper bench' });
  await client.connect();
  try {
    const beganMs = performance.now();
    const { rows } = await client.query<{ id: string; pid: number }>(
      `select id, pid from jobs where status = 'running' and host = $1`,
      [BENCH_HOST],
    );
    const dead = rows.filter(({ pid }) => !exists(pid)).map(({ id }) => id);
    await client.query(
      `with ended as (
         update jobs set status = 'queued', error = 'reaped', pid = null, process_identity = null, host = null
          where id = any($1) and status = 'running'
         returning id
       )
       insert into reaper.ledger (job_id, run_key, outcome, tier, reason, evidence, claimer, workflow_id)
       select id, 'bare', 'queued', 1, 'dead', '{}', 'bare', 'bare' from ended`,
      [dead],
    );
    return (performance.now() - beganMs) / 1000;
  } finally {
    await client.end();
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
