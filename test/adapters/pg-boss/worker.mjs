// A worker of pg-boss as a separate process: docs/queues/pg-boss.md with jobs that say when they start and end.
import { spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { sessionName } from 'job-reaper/stamp';

const {
  PG_BOSS,
  DATABASE_URL,
  WORKER_URL,
  SCHEMA,
  CONCURRENCY,
  WITHOUT_LINE,
  RESCUES,
  QUEUES = 'work',
} = process.env;
const { PgBoss = (await import(PG_BOSS)).default } = await import(PG_BOSS);

const boss = new PgBoss({
  connectionString: WORKER_URL ?? DATABASE_URL,
  schema: SCHEMA,
  max: 10,
  ...(WITHOUT_LINE === undefined ? { application_name: sessionName('pgboss') } : {}),
  ...(RESCUES === undefined ? {} : { superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 }),
});
boss.on('error', (error) => console.error(`error: ${error.message}`));
await boss.start();

const notes = new pg.Pool({ connectionString: DATABASE_URL, max: 4 });
const note = (what, id) =>
  notes.query('insert into public.noted (what, job_id, pid) values ($1, $2, $3)', [what, id, process.pid]);

async function perform(queue, { id, data: { hangs, blocksUntil } }) {
  const job = `${queue}/${id}`;
  await note('start', job);
  // Blocks the event loop, like a long computation.
  if (blocksUntil !== undefined)
    spawnSync('sh', ['-c', 'until [ -e "$0" ]; do sleep 0.1; done', blocksUntil]);
  const { rows } = await notes.query(
    `select count(*)::int as runs from public.noted where what = 'start' and job_id = $1`,
    [job],
  );
  // Its process is killed meanwhile, however long that takes to come.
  if (hangs && rows[0].runs === 1) await setTimeout(600_000);
  await note('end', job);
}

for (const queue of QUEUES.split(',')) {
  for (let worker = 0; worker < Number(CONCURRENCY); worker += 1) {
    await boss.work(queue, { pollingIntervalSeconds: 0.5, batchSize: 1 }, ([job]) => perform(queue, job));
  }
}
console.log('ready');
