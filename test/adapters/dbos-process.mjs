// A process of DBOS: docs/queues/dbos.md with a workflow that says when it starts and ends.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { URL } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { processToken } from 'job-reaper/stamp';

const {
  DBOS_SDK,
  DATABASE_URL,
  SCHEMA,
  CONCURRENCY,
  GLOBAL_CONCURRENCY,
  WITHOUT_LINE,
  NAME,
  STARTS,
  RECOVERS,
  POOLED,
} = process.env;
const { DBOS } = await import(DBOS_SDK);

const pool = new pg.Pool({ connectionString: DATABASE_URL });
const note = (what) =>
  pool.query('insert into public.noted (what, job_id, pid) values ($1, $2, $3)', [
    what,
    DBOS.workflowID,
    process.pid,
  ]);

async function work({ hangs, blocksUntil, waitsUntil }) {
  await note('start');
  const { rows } = await pool.query(
    `select count(*)::integer as run from public.noted where what = 'start' and job_id = $1`,
    [DBOS.workflowID],
  );
  const [{ run }] = rows;
  // Blocks the event loop, like a long computation.
  if (blocksUntil !== undefined)
    spawnSync('sh', ['-c', 'until [ -e "$0" ] || [ -e "$0.$1" ]; do sleep 0.1; done', blocksUntil, run]);
  while (waitsUntil !== undefined && !existsSync(waitsUntil)) await setTimeout(100);
  // Its process is killed meanwhile, however long that takes to come.
  if (hangs && run === 1) await setTimeout(600_000);
  const result = await DBOS.runStep(async () => process.pid, { name: 'result' });
  await note('end');
  return result;
}

const workflow = DBOS.registerWorkflow(work, { name: 'work' });
DBOS.setConfig({
  name: 'app',
  systemDatabaseUrl: DATABASE_URL,
  systemDatabaseSchemaName: SCHEMA,
  applicationVersion: 'test',
  ...(WITHOUT_LINE === undefined && { executorID: NAME ? `${NAME}.${processToken()}` : processToken() }),
  // A pooler passes no notifications.
  ...(POOLED !== undefined && { useListenNotify: false }),
  logLevel: 'warn',
});
await DBOS.launch();
await DBOS.registerQueue('jobs', {
  workerConcurrency: Number(CONCURRENCY),
  ...(GLOBAL_CONCURRENCY !== undefined && { globalConcurrency: Number(GLOBAL_CONCURRENCY) }),
  minPollingIntervalMs: 200,
  onConflict: 'always_update',
});
if (STARTS !== undefined) await DBOS.startWorkflow(workflow)(JSON.parse(STARTS));
// What Conductor has a process do for another one.
if (RECOVERS !== undefined) {
  const { DBOSExecutor } = await import(new URL('dbos-executor.js', import.meta.resolve(DBOS_SDK)));
  await DBOSExecutor.globalInstance.recoverPendingWorkflows([RECOVERS]);
}
console.log('ready');
