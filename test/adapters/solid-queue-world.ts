import { execa } from 'execa';
import type { MigrateResult } from '../../src/db/migrate.js';
import { eventually } from '../support/wait.js';
import { createAppDatabase, QueueWorld, type AppDatabase, type JobSpec } from './queue-world.js';
import {
  addSolidJob,
  createSolidQueueTables,
  makeReady,
  SOLID_PROCESS,
  SOLID_WORKER,
} from './solid-queue.js';

/** The semaphore of a concurrency key. */
export interface Semaphore {
  value: number;
  /** Seconds from now. */
  expires: number;
}

/** A database with the tables of Solid Queue, and a reaper for it. */
export class SolidQueueWorld extends QueueWorld {
  private constructor(
    readonly program: typeof SOLID_WORKER | typeof SOLID_PROCESS,
    ...world: [database: AppDatabase, schema: string, installed: MigrateResult]
  ) {
    super(...world);
  }

  /** Its processes are stand-ins. */
  static async create(schema = 'public'): Promise<SolidQueueWorld> {
    const database = await createAppDatabase();
    if (schema !== 'public') await database.admin.query(`create schema ${schema}`);
    await createSolidQueueTables(database.admin, schema);
    const installed = await this.install(database, 'solid-queue', { schema });
    return new SolidQueueWorld(SOLID_WORKER, database, schema, installed);
  }

  /** Its tables and processes are those of the gem. */
  static async ofGem(schema = 'public'): Promise<SolidQueueWorld> {
    const database = await createAppDatabase();
    if (schema !== 'public') await database.admin.query(`create schema ${schema}`);
    const [ruby, ...words] = SOLID_PROCESS.command;
    await execa(ruby, words, {
      env: { ...SOLID_PROCESS.env, DATABASE_URL: database.url, SCHEMA: schema, TABLES: 'true' },
    });
    const installed = await this.install(database, 'solid-queue', { schema });
    return new SolidQueueWorld(SOLID_PROCESS, database, schema, installed);
  }

  protected worker(): { command: readonly string[]; env: Record<string, string> } {
    return this.program;
  }

  /** With a key, only one job of it runs at a time; `lost` is how many of its first runs never end. */
  addJob({
    hangs,
    lost = hangs ? 1 : 0,
    key,
    queue,
    blocksUntil,
    waitsUntil,
  }: JobSpec & { lost?: number; key?: string }): Promise<string> {
    return addSolidJob(
      this.admin,
      this.schema,
      { ...(lost > 0 && { hangs: lost }), blocksUntil, waitsUntil },
      key,
      queue,
    );
  }

  async isDone(id: string): Promise<boolean> {
    const { rowCount } = await this.admin.query(
      `select from ${this.table('solid_queue_jobs')} where id = $1 and finished_at is not null`,
      [id],
    );
    return rowCount === 1;
  }

  /** Where a job is: in which of the tables of executions. */
  async states(id: string): Promise<string[]> {
    const states: string[] = [];
    for (const state of ['ready', 'claimed', 'blocked', 'failed']) {
      const { rowCount } = await this.admin.query(
        `select from ${this.table(`solid_queue_${state}_executions`)} where job_id = $1`,
        [id],
      );
      if (rowCount !== 0) states.push(state);
    }
    return states;
  }

  /** Waits until a job has failed. */
  fails(id: string): Promise<true> {
    return eventually(`job ${id} to fail`, async () => (await this.states(id)).includes('failed'));
  }

  /** The error of a failed job, as Solid Queue reads it. */
  async error(id: string): Promise<unknown> {
    const { rows } = await this.admin.query<{ error: unknown }>(
      `select error::json as error from ${this.table('solid_queue_failed_executions')} where job_id = $1`,
      [id],
    );
    return rows[0]?.error;
  }

  async semaphore(key: string): Promise<Semaphore | undefined> {
    const { rows } = await this.admin.query<Semaphore>(
      `select value, extract(epoch from expires_at - timezone('UTC', now()))::double precision as expires
         from ${this.table('solid_queue_semaphores')} where key = $1`,
      [key],
    );
    return rows[0];
  }

  /** As FailedExecution#retry does. */
  async retry(id: string): Promise<void> {
    await this.admin.query(`delete from ${this.table('solid_queue_failed_executions')} where job_id = $1`, [
      id,
    ]);
    await makeReady(this.admin, this.schema, id);
  }

  /** Removes all jobs and processes. */
  async clear(ids: 'continue' | 'restart' = 'continue'): Promise<void> {
    const tables = ['jobs', 'processes', 'semaphores'].map((name) => this.table(`solid_queue_${name}`));
    await this.alone(`truncate ${tables.join(', ')}, public.noted ${ids} identity cascade`);
  }
}
