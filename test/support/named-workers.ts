import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../src/db/database.js';
import { packageRoot } from '../../src/paths.js';

const SQL = ['adapters/reference/contract.sql', 'views.sql', 'grants.sql'];

/** Lets the reference adapter learn the processes of running jobs from the workers that they name (run_id), as adapters of real queues do. */
export async function nameWorkers(admin: Database): Promise<void> {
  const [contract = '', ...rest] = await Promise.all(
    SQL.map((file) => readFile(join(packageRoot, 'sql', file), 'utf8')),
  );
  const changed = contract
    .replace(/j\.(host|pid::bigint|process_identity) +as/g, (_, column: string) => `p.${column} as`)
    .replace("where j.status = 'running';", 'left join lateral reaper.worker_process(j.run_id) p on true $&');
  await admin.query([changed, ...rest].join('\n'));
}

/** Inserts a running job whose row names a worker, and no process. */
export async function insertNamed(admin: Database, job: string, worker: string): Promise<void> {
  await admin.query('insert into agent_runs (id) values ($1) on conflict do nothing', [worker]);
  await admin.query(
    `insert into jobs (id, agent, repo, status, attempts, max_attempts, run_id, started_at)
     values ($1, 'developer', 'web', 'running', 1, 2, $2, reaper.now())`,
    [job, worker],
  );
}
