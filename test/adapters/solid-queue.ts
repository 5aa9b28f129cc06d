import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Queryable } from '../../src/db/database.js';
import { packageRoot } from '../../src/paths.js';

const FOLDER = join(packageRoot, 'test/adapters/solid-queue');

/** Where they find the recipes. */
const env = {
  TOKEN: join(packageRoot, 'docs/recipes/token.rb'),
  RECIPE: join(packageRoot, 'docs/recipes/name_solid_queue.rb'),
};

/** What stands in for Solid Queue's processes. */
export const SOLID_WORKER = { command: ['ruby', join(FOLDER, 'worker.rb')], env } as const;

/** A process of Solid Queue itself. */
export const SOLID_PROCESS = { command: ['ruby', join(FOLDER, 'process.rb')], env } as const;

/** Whether processes of Solid Queue can be stood in for here. */
export const hasRubyPg = spawnSync('ruby', ['-e', 'require "pg"']).status === 0;

/** The version of its gem; null if that is not installed, with Rails. */
export function findSolidQueueGem(): string | null {
  const libraries = ['logger', 'rails', 'active_record/railtie', 'active_job/railtie', 'solid_queue'];
  const words = [...libraries.map((name) => `-r${name}`), '-e', 'print SolidQueue::VERSION'];
  const { status, stdout } = spawnSync('ruby', words, { encoding: 'utf8' });
  return hasRubyPg && status === 0 ? stdout : null;
}

/** Creates the tables as Rails does. */
export async function createSolidQueueTables(admin: Queryable, schema: string): Promise<void> {
  const tables = await readFile(join(FOLDER, 'tables.sql'), 'utf8');
  await admin.query(tables.replaceAll(':schema', schema));
}

/** Enqueues a job as Job.enqueue does. */
export async function addSolidJob(
  admin: Queryable,
  schema: string,
  args: object,
  key: string | null = null,
  queue = 'default',
): Promise<string> {
  const activeJob = {
    job_class: 'Work',
    job_id: randomUUID(),
    queue_name: queue,
    arguments: [args],
    executions: 0,
  };
  const { rows } = await admin.query<{ id: string }>(
    `insert into ${schema}.solid_queue_jobs (queue_name, class_name, active_job_id, arguments, concurrency_key, created_at, updated_at)
     values ($3, 'Work', $4, $1, $2, timezone('UTC', now()), timezone('UTC', now())) returning id::text`,
    [JSON.stringify(activeJob), key, queue, activeJob.job_id],
  );
  const id = rows[0]?.id ?? '';
  if (key === null || (await takePlace(admin, schema, key))) {
    await makeReady(admin, schema, id);
  } else {
    await admin.query(
      `insert into ${schema}.solid_queue_blocked_executions (job_id, queue_name, priority, concurrency_key, expires_at, created_at)
       select id, queue_name, priority, concurrency_key, timezone('UTC', now()) + interval '3 minutes', timezone('UTC', now())
         from ${schema}.solid_queue_jobs where id = $1`,
      [id],
    );
  }
  return id;
}

/** Has workers take a job. */
export async function makeReady(admin: Queryable, schema: string, id: string): Promise<void> {
  await admin.query(
    `insert into ${schema}.solid_queue_ready_executions (job_id, queue_name, priority, created_at)
     select id, queue_name, priority, timezone('UTC', now()) from ${schema}.solid_queue_jobs where id = $1`,
    [id],
  );
}

async function takePlace(admin: Queryable, schema: string, key: string): Promise<boolean> {
  const { rowCount } = await admin.query(
    `insert into ${schema}.solid_queue_semaphores as s (key, value, expires_at, created_at, updated_at)
     values ($1, 0, timezone('UTC', now()) + interval '3 minutes', timezone('UTC', now()), timezone('UTC', now()))
     on conflict (key) do update set value = s.value - 1 where s.value > 0`,
    [key],
  );
  return rowCount === 1;
}
