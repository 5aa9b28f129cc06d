import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DBOS, DBOSClient } from '@dbos-inc/dbos-sdk';
import { runMigrations } from 'graphile-worker';
import { PgBoss } from 'pg-boss';
import { packageRoot } from '../../src/paths.js';
import type { Database } from '../../src/db/database.js';
import { buildGo, hasGo, readTokenRecipe } from '../../test/adapters/go.js';
import { installProcrastinate, runPython, WORKER } from '../../test/adapters/procrastinate.js';
import {
  addObanJob,
  createObanTables,
  hasElixir,
  migrateOban,
  OBAN_NODE,
  PRODUCER,
  RECIPE,
} from '../../test/adapters/oban.js';
import {
  addSolidJob,
  createSolidQueueTables,
  hasRubyPg,
  SOLID_WORKER,
} from '../../test/adapters/solid-queue.js';

/** What a queue does itself about the job of a killed worker, set as tight as it can be. */
export interface OwnRescue {
  /** How it is set, and what has to hold. */
  setting: string;
  /** What its worker needs for that. */
  env: Record<string, string>;
  /** What its tables need for that. */
  prepare?: (adminUrl: string) => Promise<void>;
  /** Only a process that starts after the death rescues. */
  atStart?: boolean;
}

/** A queue that has an adapter, on its real package, with the workers of its tests. */
export interface BenchQueue {
  /** Of its adapter. */
  name: string;
  /** Says what is missing here; null if nothing is. It may install the queue first. */
  missing: () => string | null | Promise<string | null>;
  /** How long it leaves the job of a killed worker by default. */
  ownDefault: string;
  /** Or why it cannot be had here. */
  ownRescue: OwnRescue | string;
  /** Creates its tables. */
  createTables: (adminUrl: string, admin: Database) => Promise<void>;
  /** The command of its worker, and its environment. */
  worker: () => Promise<{ command: readonly string[]; env: Record<string, string> }>;
  /** Enqueues a job with these arguments, and returns its id. */
  addJob: (adminUrl: string, admin: Database, args: object) => Promise<string>;
}

/** The shortest that it accepts. */
const BOSS_HEARTBEAT_S = 10;

const FOLDER = join(packageRoot, 'test/adapters');
const node = (script: string) => [process.execPath, join(FOLDER, script)];

export const BENCH_QUEUES: readonly BenchQueue[] = [
  {
    name: 'graphile-worker',
    missing: () => null,
    ownDefault: '4 h',
    ownRescue: 'fixed in its code',
    createTables: (adminUrl) => runMigrations({ connectionString: adminUrl }),
    worker: () =>
      Promise.resolve({
        command: node('graphile-worker-process.mjs'),
        env: { GRAPHILE: 'graphile-worker', SCHEMA: 'graphile_worker' },
      }),
    addJob: (_, admin, args) =>
      insert(admin, `select id::text from graphile_worker.add_job('work', $1::json)`, args),
  },
  {
    name: 'pg-boss',
    missing: () => null,
    ownDefault: '15 min',
    ownRescue: {
      setting: 'heartbeat 10 s, looked at each second',
      env: { RESCUES: 'true' },
      prepare: (adminUrl) =>
        withBoss(adminUrl, (boss) => boss.updateQueue('work', { heartbeatSeconds: BOSS_HEARTBEAT_S })),
    },
    createTables: (adminUrl) => withBoss(adminUrl, (boss) => boss.createQueue('work')),
    worker: () =>
      Promise.resolve({
        command: node('pg-boss/worker.mjs'),
        env: { PG_BOSS: 'pg-boss', SCHEMA: 'pgboss' },
      }),
    addJob: (adminUrl, _, args) =>
      withBoss(adminUrl, async (boss) => `work/${(await boss.send('work', args)) ?? ''}`),
  },
  {
    name: 'river',
    missing: () => (hasGo ? null : 'go'),
    ownDefault: '1 h',
    ownRescue: {
      setting: 'RescueStuckJobsAfter 1 s, looked at every 30 s',
      env: { RESCUE_AFTER: '1s' },
    },
    async createTables(adminUrl) {
      await promisify(execFile)(await buildRiver(), ['migrate'], {
        env: { ...process.env, DATABASE_URL: adminUrl, SCHEMA: 'public' },
      });
    },
    worker: async () => ({ command: [await buildRiver(), 'work'], env: { SCHEMA: 'public' } }),
    addJob: (_, admin, args) =>
      insert(
        admin,
        `insert into river_job (kind, args, max_attempts) values ('work', $1, 25) returning id::text`,
        args,
      ),
  },
  {
    name: 'dbos',
    missing: () => null,
    ownDefault: 'never',
    ownRescue: { setting: 'a start under the same executor id', env: {}, atStart: true },
    createTables: (adminUrl) => DBOS.migrate(adminUrl),
    worker: () =>
      Promise.resolve({
        command: node('dbos-process.mjs'),
        env: { DBOS_SDK: '@dbos-inc/dbos-sdk', SCHEMA: 'dbos' },
      }),
    async addJob(adminUrl, _, args) {
      const client = await DBOSClient.create({ systemDatabaseUrl: adminUrl, applicationName: 'app' });
      const options = { workflowName: 'work', queueName: 'jobs', appVersion: 'test' };
      const { workflowID } = await client.enqueue(options, args);
      await client.destroy();
      return workflowID;
    },
  },
  {
    name: 'procrastinate',
    missing: async () => ((await installProcrastinate()) === null ? 'python3 with pip, or PyPI' : null),
    ownDefault: 'never',
    ownRescue: {
      setting: 'its recipe each second, stalled after 2 s without a heartbeat',
      env: { RESCUE_S: '2' },
    },
    async createTables(adminUrl) {
      await runPython((await installProcrastinate()) ?? '', adminUrl, 'public', 'schema');
    },
    worker: async () => ({
      command: ['python3', WORKER, 'work'],
      env: { PYTHONPATH: (await installProcrastinate()) ?? '', SCHEMA: 'public' },
    }),
    addJob: (_, admin, { hangs, ...args }: { hangs?: boolean }) =>
      insert(
        admin,
        `insert into procrastinate_jobs (queue_name, task_name, args) values ('default', 'work', $1) returning id::text`,
        hangs ? { ...args, hangsAt: 1 } : args,
      ),
  },
  {
    name: 'oban',
    missing: () => (hasElixir ? null : 'elixir and psql'),
    ownDefault: '1 h',
    ownRescue:
      OBAN_NODE === null
        ? 'needs the library'
        : {
            setting: 'Lifeline each second, rescue_after 1 s, a new leader each second',
            env: { RESCUE_AFTER_S: '1', PATIENCE_S: '1' },
          },
    createTables: (adminUrl, admin) =>
      OBAN_NODE === null ? createObanTables(admin, 'public') : migrateOban(OBAN_NODE, adminUrl, 'public'),
    // By default a dead leader of Oban is one for 30 s, too.
    worker: () =>
      Promise.resolve({
        command: OBAN_NODE ?? PRODUCER,
        env: { RECIPE, SCHEMA: 'public', PATIENCE_S: '30' },
      }),
    addJob: (_, admin, args) => addObanJob(admin, 'public', args),
  },
  {
    name: 'solid-queue',
    missing: () => (hasRubyPg ? null : 'ruby with pg'),
    ownDefault: '5 min, then failed',
    ownRescue: 'fails it, never starts it again',
    createTables: (_, admin) => createSolidQueueTables(admin, 'public'),
    worker: () =>
      Promise.resolve({ command: SOLID_WORKER.command, env: { ...SOLID_WORKER.env, SCHEMA: 'public' } }),
    addJob: (_, admin, { hangs, ...args }: { hangs?: boolean }) =>
      addSolidJob(admin, 'public', hangs ? { ...args, hangs: 1 } : args),
  },
];

async function buildRiver(): Promise<string> {
  return buildGo(join(FOLDER, 'river/current'), {
    'worker.go': await readFile(join(FOLDER, 'river/worker.go'), 'utf8'),
    'token.go': await readTokenRecipe(),
  });
}

/** Has an instance of pg-boss do something that works on no job and rescues none. */
async function withBoss<T>(adminUrl: string, work: (boss: PgBoss) => Promise<T>): Promise<T> {
  const boss = new PgBoss({ connectionString: adminUrl, supervise: false, schedule: false, max: 1 });
  boss.on('error', (error) => console.error(error.message));
  await boss.start();
  try {
    return await work(boss);
  } finally {
    await boss.stop({ graceful: false });
  }
}

async function insert(admin: Database, sql: string, args: object): Promise<string> {
  const { rows } = await admin.query<{ id: string }>(sql, [JSON.stringify(args)]);
  return rows[0]?.id ?? '';
}
