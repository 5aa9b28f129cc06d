// A worker of graphile-worker as a separate process: docs/queues/graphile-worker.md with a task that says when it starts and ends.
import { spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { announce } from 'job-reaper/stamp';

const { GRAPHILE, DATABASE_URL, SCHEMA, CONCURRENCY, WITHOUT_LINE, POOLED, RESETS_MS } = process.env;
const { run } = await import(GRAPHILE);

const pgPool = new pg.Pool({
  connectionString: DATABASE_URL,
  // A pooler refuses it.
  ...(POOLED === undefined && { statement_timeout: 5_000 }),
});
pgPool.on('error', (error) => console.error(error));
const events = new EventEmitter();
if (WITHOUT_LINE === undefined) events.on('pool:create', ({ workerPool }) => announce(pgPool, workerPool.id));

const note = (what, id) =>
  pgPool.query('insert into public.noted (what, job_id, pid) values ($1, $2, $3)', [what, id, process.pid]);

await run({
  pgPool,
  events,
  schema: SCHEMA,
  concurrency: Number(CONCURRENCY),
  pollInterval: 200,
  noHandleSignals: true,
  noPreparedStatements: POOLED !== undefined,
  ...(RESETS_MS !== undefined && {
    minResetLockedInterval: Number(RESETS_MS),
    maxResetLockedInterval: Number(RESETS_MS),
  }),
  taskList: {
    work: async ({ hangs, blocksUntil, waitsUntil }, { job }) => {
      await note('start', job.id);
      // Blocks the event loop, like a long computation.
      if (blocksUntil !== undefined)
        spawnSync('sh', [
          '-c',
          'until [ -e "$0" ] || [ -e "$0.$1" ]; do sleep 0.1; done',
          blocksUntil,
          job.attempts,
        ]);
      while (waitsUntil !== undefined && !existsSync(waitsUntil)) await setTimeout(100);
      // Its process is killed meanwhile, however long that takes to come.
      if (hangs && job.attempts === 1) await setTimeout(600_000);
      await note('end', job.id);
    },
  },
});
console.log('ready');
