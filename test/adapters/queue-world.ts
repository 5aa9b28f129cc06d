import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { inject } from 'vitest';
import { createDatabase, dropDatabase } from '../../servers/index.js';
import { afterDeadlocks } from '../../src/db/adapter/after-deadlocks.js';
import { migrate, type MigrateResult } from '../../src/db/migrate.js';
import { createAdminPool } from '../support/database.js';
import { loginAs } from '../support/logins.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

/** A database of its own, owned by an application that is no superuser. */
export interface AppDatabase {
  /** Of the database and its owner, and what the reaper is called. */
  name: string;
  url: string;
  admin: pg.Pool;
}

/** What a job does, besides noting in `public.noted` when it starts and ends. */
export interface JobSpec {
  /** Its first run never ends. */
  hangs?: boolean;
  /** It blocks its worker until this file is there, or the one of this run: with `.1` after its name, and so on. */
  blocksUntil?: string;
  /** The same, but its worker can do something else meanwhile. */
  waitsUntil?: string;
  maxAttempts?: number;
  /** Its named queue, where the tests of that package use more than the default one. */
  queue?: string;
}

/** Creates the database, with a table in which jobs note when they start and end. */
export async function createAppDatabase(): Promise<AppDatabase> {
  const name = `app_${randomBytes(5).toString('hex')}`;
  const url = new URL(await createDatabase(inject('adminUrl'), name));
  await onServer(
    `create role ${name} login password 'test'; grant reaper, reaper_note to ${name}; alter database ${name} owner to ${name}`,
  );
  url.username = name;
  url.password = 'test';
  const admin = createAdminPool(url.href);
  await admin.query(
    'create table public.noted (id bigint generated always as identity, what text, job_id text, pid bigint)',
  );
  return { name, url: url.href, admin };
}

/** Drops it, and its owner. */
export async function dropAppDatabase({ name, admin }: AppDatabase): Promise<void> {
  await admin.end();
  await dropDatabase(inject('adminUrl'), name);
  await onServer(`drop role ${name}`);
}

/** A queue on the real package in a database of its own, with its workers in real processes, and a reaper for it. */
export abstract class QueueWorld {
  readonly admin: pg.Pool;
  readonly url: string;
  #workers: WorkerProcess[] = [];
  #reaper: WorkerProcess | undefined;

  protected constructor(
    readonly database: AppDatabase,
    readonly schema: string,
    readonly installed: MigrateResult,
  ) {
    this.admin = database.admin;
    this.url = database.url;
  }

  /** Installs an adapter, active. */
  protected static async install(
    { url, admin }: AppDatabase,
    adapter: string,
    parameters: { schema: string } & Record<string, string>,
  ): Promise<MigrateResult> {
    const installed = await migrate(url, adapter, parameters);
    await admin.query(`select reaper.set_mode('active', 'test')`);
    return installed;
  }

  /** The command of the queue's worker, and its environment. It prints `ready` once it has started. */
  protected abstract worker(): { command: string | readonly string[]; env: Record<string, string> };

  /** Enqueues a job. */
  abstract addJob(spec: JobSpec): Promise<string>;

  /** Whether a job has ended well. */
  abstract isDone(id: string): Promise<boolean>;

  async end(): Promise<void> {
    await Promise.all([this.endWorkers(), this.#reaper?.kill()]);
    const connection = await Connection.connect({ address: inject('temporalAddress') });
    await terminateAll(new Client({ connection }), this.database.name);
    await connection.close();
    await dropAppDatabase(this.database);
  }

  /** The reaper's own worker, which is also the probe of this host. */
  async startReaper(): Promise<void> {
    this.#reaper = new WorkerProcess({
      REAPER_NAME: this.database.name,
      DATABASE_URL: loginAs('reaper', this.url),
    });
    await eventually(
      'a sweep',
      async () => (await this.admin.query('select from reaper.last_sweep')).rowCount === 1,
    );
  }

  /** A worker of the queue, once it has started. */
  async startWorker(env: Record<string, string> = {}): Promise<WorkerProcess> {
    const { command, env: own } = this.worker();
    const worker = new WorkerProcess(
      { SCHEMA: this.schema, DATABASE_URL: this.url, CONCURRENCY: '1', ...own, ...env },
      command,
    );
    this.#workers.push(worker);
    try {
      await eventually('a worker that starts', () => worker.lines.includes('ready'));
    } catch (error) {
      throw new Error(`Expected a worker that starts, got: ${worker.printed}`, { cause: error });
    }
    return worker;
  }

  /** Kills the workers of the queue. */
  async endWorkers(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    this.#workers = [];
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
    );
  }

  done(id: string): Promise<true> {
    return eventually(`job ${id} to end well`, () => this.isDone(id));
  }

  /** The name of the worker that runs a job; null if none does. */
  async runner(id: string): Promise<string | null> {
    const { rows } = await this.admin.query<{ name: string }>(
      'select run_id as name from reaper.running_job where job_id = $1',
      [id],
    );
    return rows[0]?.name ?? null;
  }

  /** The claims of a job. */
  async claims(id: string): Promise<{ outcome: string; tier: number }[]> {
    const { rows } = await this.admin.query<{ outcome: string; tier: number }>(
      'select outcome, tier from reaper.ledger where job_id = $1 order by id',
      [id],
    );
    return rows;
  }

  /** Whether the adapter calls a job queued or running; null if it cannot tell. */
  async isOpen(id: string): Promise<boolean | null> {
    const { rows } = await this.admin.query<{ canTell: boolean }>(
      `select to_regprocedure('reaper.open_jobs(text[])') is not null as "canTell"`,
    );
    if (rows[0]?.canTell !== true) return null;
    const open = await this.admin.query<{ job_id: string }>('select job_id from reaper.open_jobs($1)', [
      [id, 'of another queue', '4711', `${'x'.repeat(10)}/${'y'.repeat(36)}`],
    ]);
    return open.rows.some(({ job_id }) => job_id === id);
  }

  claimed(id: string): Promise<true> {
    return eventually(`the claim of job ${id}`, async () => (await this.claims(id)).length > 0);
  }

  /** Waits for the end of a sweep that begins after now. */
  async sweeps(): Promise<void> {
    for (let sweep = 0; sweep < 2; sweep += 1) {
      const read = async () =>
        (await this.admin.query<{ at: Date }>('select at from reaper.last_sweep')).rows[0]?.at.getTime();
      const before = await read();
      await eventually('another sweep', async () => (await read()) !== before);
    }
  }

  /** Runs SQL that locks whole tables, again if it lost a deadlock: the reaper's sweeps read them in another order. */
  protected async alone(sql: string): Promise<void> {
    const client = await this.admin.connect();
    try {
      await afterDeadlocks(client, () => client.query(sql));
    } finally {
      client.release();
    }
  }

  table(name: string): string {
    return `${pg.escapeIdentifier(this.schema)}.${name}`;
  }
}

async function onServer(sql: string): Promise<void> {
  const server = new pg.Client(inject('adminUrl'));
  await server.connect();
  await server.query(sql);
  await server.end();
}
