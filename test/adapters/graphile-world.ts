import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { inject } from 'vitest';
import { createDatabase, dropDatabase } from '../../servers/index.js';
import { migrate, type MigrateResult } from '../../src/db/migrate.js';
import { createAdminPool } from '../support/database.js';
import { loginAs } from '../support/logins.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

const SCRIPT = fileURLToPath(new URL('./graphile-worker-process.mjs', import.meta.url));

/** The packages, by the names under which they are installed here. */
export type GraphileVersion = 'graphile-worker' | 'graphile-worker-before';

/** The part of the package that tests call. */
export interface Graphile {
  runMigrations: (options: { connectionString: string; schema: string }) => Promise<void>;
  makeWorkerUtils: (options: { connectionString: string; schema: string }) => Promise<{
    rescheduleJobs: (ids: string[], options: { maxAttempts: number }) => Promise<unknown[]>;
    release: () => Promise<void>;
  }>;
}

/** A job as the package's own view shows it. */
export interface GraphileJob {
  attempts: number;
  max_attempts: number;
  last_error: string | null;
  locked_at: Date | null;
  locked_by: string | null;
}

/** A worker of graphile-worker in a process of its own. */
export type GraphileWorker = WorkerProcess;

/** A database with the tables of graphile-worker, owned by an application that is no superuser, and a reaper for it. */
export class GraphileWorld {
  readonly #workers: WorkerProcess[] = [];

  private constructor(
    readonly version: GraphileVersion,
    readonly schema: string,
    readonly app: string,
    readonly url: string,
    readonly admin: pg.Pool,
    readonly installed: MigrateResult,
  ) {}

  static async of(version: GraphileVersion, schema: string): Promise<GraphileWorld> {
    const app = `app_${randomBytes(5).toString('hex')}`;
    const url = new URL(await createDatabase(inject('adminUrl'), app));
    const server = new pg.Client(inject('adminUrl'));
    await server.connect();
    await server.query(
      `create role ${app} login password 'test'; grant reaper to ${app}; alter database ${app} owner to ${app}`,
    );
    await server.end();
    url.username = app;
    url.password = 'test';
    const admin = createAdminPool(url.href);
    const { runMigrations } = await load(version);
    await runMigrations({ connectionString: url.href, schema });
    await admin.query(
      'create table public.noted (id bigint generated always as identity, what text, job_id text, pid bigint)',
    );
    const installed = await migrate(url.href, 'graphile-worker', { schema });
    await admin.query(`select reaper.set_mode('active', 'test')`);
    return new GraphileWorld(version, schema, app, url.href, admin, installed);
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    const connection = await Connection.connect({ address: inject('temporalAddress') });
    await terminateAll(new Client({ connection }), this.app);
    await connection.close();
    await this.admin.end();
    await dropDatabase(inject('adminUrl'), this.app);
    const server = new pg.Client(inject('adminUrl'));
    await server.connect();
    await server.query(`drop role ${this.app}`);
    await server.end();
  }

  /** The reaper's own worker, which is also the probe of this host. */
  async startReaper(): Promise<void> {
    this.#workers.push(
      new WorkerProcess({ REAPER_NAME: this.app, DATABASE_URL: loginAs('reaper', this.url) }),
    );
    await eventually(
      'a sweep',
      async () => (await this.admin.query('select from reaper.last_sweep')).rowCount === 1,
      60_000,
    );
  }

  /** A worker of the queue, once it has started. */
  async startWorker(env: Record<string, string> = {}): Promise<GraphileWorker> {
    const worker = new WorkerProcess(
      { GRAPHILE: this.version, SCHEMA: this.schema, DATABASE_URL: this.url, CONCURRENCY: '1', ...env },
      SCRIPT,
    );
    this.#workers.push(worker);
    await eventually(`a worker that starts: ${worker.printed}`, () => worker.count('ready') > 0, 60_000);
    return worker;
  }

  async addJob(payload: object, options: { queue?: string; maxAttempts?: number } = {}): Promise<string> {
    const { rows } = await this.admin.query<{ id: string }>(
      `select id::text from ${this.table('add_job')}('work', $1::json, queue_name := $2, max_attempts := $3)`,
      [JSON.stringify(payload), options.queue ?? null, options.maxAttempts ?? null],
    );
    return rows[0]?.id ?? '';
  }

  /** Null once it has ended well: then graphile-worker deletes it. */
  async job(id: string): Promise<GraphileJob | null> {
    const { rows } = await this.admin.query<GraphileJob>(
      `select * from ${this.table('jobs')} where id = $1`,
      [id],
    );
    return rows[0] ?? null;
  }

  /** The processes that started or ended a job, in order. */
  async noted(what: 'start' | 'end', id: string): Promise<number[]> {
    const { rows } = await this.admin.query<{ pid: number }>(
      'select pid from public.noted where what = $1 and job_id = $2 order by id',
      [what, id],
    );
    return rows.map(({ pid }) => pid);
  }

  started(id: string, times = 1): Promise<true> {
    return eventually(
      `start ${times} of job ${id}`,
      async () => (await this.noted('start', id)).length >= times,
      60_000,
    );
  }

  gone(id: string): Promise<true> {
    return eventually(`job ${id} to end well`, async () => (await this.job(id)) === null, 60_000);
  }

  /** The claims of a job. */
  async claims(id: string): Promise<{ outcome: string; tier: number }[]> {
    const { rows } = await this.admin.query<{ outcome: string; tier: number }>(
      'select outcome, tier from reaper.ledger where job_id = $1 order by id',
      [id],
    );
    return rows;
  }

  /** Waits for the end of a sweep that begins after now. */
  async sweeps(): Promise<void> {
    for (let sweep = 0; sweep < 2; sweep += 1) {
      const read = async () =>
        (await this.admin.query<{ at: Date }>('select at from reaper.last_sweep')).rows[0]?.at.getTime();
      const before = await read();
      await eventually('another sweep', async () => (await read()) !== before, 30_000);
    }
  }

  table(name: string): string {
    return `${pg.escapeIdentifier(this.schema)}.${name}`;
  }
}

/** Loads a version of the package. */
export async function load(version: GraphileVersion): Promise<Graphile> {
  return (await import(version)) as Graphile;
}
