import pg from 'pg';
import type { MigrateResult } from '../../src/db/migrate.js';
import { runPython, WORKER } from './procrastinate.js';
import { createAppDatabase, QueueWorld, type AppDatabase, type JobSpec } from './queue-world.js';

/** The adapter's own default. */
const MAX_ATTEMPTS = 25;

/** A job as Procrastinate's own API returns it. */
export interface ProcrastinateJob {
  status: string;
  attempts: number;
  lock: string | null;
}

/** A database with the tables of Procrastinate, and a reaper for it. */
export class ProcrastinateWorld extends QueueWorld {
  private constructor(
    readonly packages: string,
    ...world: [database: AppDatabase, schema: string, installed: MigrateResult]
  ) {
    super(...world);
  }

  static async of(packages: string | null, schema = 'public'): Promise<ProcrastinateWorld> {
    if (packages === null) throw new Error('Expected Procrastinate to be installed, got nothing');
    const database = await createAppDatabase();
    const quoted = pg.escapeIdentifier(schema);
    if (schema !== 'public') await database.admin.query(`create schema ${quoted}`);
    await runPython(packages, database.url, schema, 'schema');
    // Procrastinate's own triggers name no schema.
    await database.admin.query(
      `create function public.add_work(p_args jsonb, p_attempts integer, p_lock text, p_queueing_lock text) returns text
         language sql set search_path = ${quoted} as $$
         insert into procrastinate_jobs (queue_name, task_name, args, attempts, lock, queueing_lock)
         values ('default', 'work', p_args, p_attempts, p_lock, p_queueing_lock) returning id::text $$`,
    );
    const installed = await this.install(database, 'procrastinate', { schema });
    return new ProcrastinateWorld(packages, database, schema, installed);
  }

  protected worker(): { command: readonly string[]; env: Record<string, string> } {
    return { command: ['python3', WORKER, 'work'], env: { PYTHONPATH: this.packages } };
  }

  async addJob({
    maxAttempts = MAX_ATTEMPTS,
    hangs,
    lock,
    queueingLock,
    ...args
  }: JobSpec & { lock?: string; queueingLock?: string }): Promise<string> {
    const attempts = MAX_ATTEMPTS - maxAttempts;
    const { rows } = await this.admin.query<{ id: string }>(`select public.add_work($1, $2, $3, $4) as id`, [
      JSON.stringify(hangs ? { ...args, hangsAt: attempts + 1 } : args),
      attempts,
      lock ?? null,
      queueingLock ?? null,
    ]);
    return rows[0]?.id ?? '';
  }

  async isDone(id: string): Promise<boolean> {
    const { rowCount } = await this.admin.query(
      `select from ${this.table('procrastinate_jobs')} where id = $1 and status = 'succeeded'`,
      [id],
    );
    return rowCount === 1;
  }

  /** Asks Procrastinate's API about a job. */
  async job(id: string): Promise<ProcrastinateJob> {
    return JSON.parse(await this.api('get', id)) as ProcrastinateJob;
  }

  /** Has Procrastinate's API do something. */
  api(...words: ['get' | 'retry' | 'abort', id: string] | ['rescue', seconds: string]): Promise<string> {
    return runPython(this.packages, this.url, this.schema, ...words);
  }

  /** Removes all jobs. */
  async clear(): Promise<void> {
    await this.alone(`truncate ${this.table('procrastinate_jobs')} cascade`);
  }

  /** Removes all jobs and workers, and has their ids start over. */
  async startOver(): Promise<void> {
    const tables = ['workers', 'jobs'].map((name) => this.table(`procrastinate_${name}`));
    await this.alone(`truncate ${tables.join(', ')}, public.noted restart identity cascade`);
  }
}
