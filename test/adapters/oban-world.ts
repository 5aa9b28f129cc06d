import type { MigrateResult } from '../../src/db/migrate.js';
import { addObanJob, createObanTables, migrateOban, PRODUCER, RECIPE } from './oban.js';
import { createAppDatabase, QueueWorld, type AppDatabase, type JobSpec } from './queue-world.js';

/** A job as it is in Oban's table. */
export interface ObanJob {
  state: string;
  attempt: number;
  max_attempts: number;
  errors: { attempt: number; at: string; error: string }[];
  discarded_at: Date | null;
}

/** A database with the tables of Oban, and a reaper for it. */
export class ObanWorld extends QueueWorld {
  private constructor(
    readonly command: readonly string[],
    ...world: [database: AppDatabase, schema: string, installed: MigrateResult]
  ) {
    super(...world);
  }

  /** Its nodes are stand-ins. */
  static async create(schema = 'public'): Promise<ObanWorld> {
    const database = await createAppDatabase();
    if (schema !== 'public') await database.admin.query(`create schema ${schema}`);
    await createObanTables(database.admin, schema);
    return new ObanWorld(PRODUCER, database, schema, await this.install(database, 'oban', { schema }));
  }

  /** Its tables and nodes are those of the library. */
  static async ofLibrary(node: readonly string[], schema = 'public'): Promise<ObanWorld> {
    const database = await createAppDatabase();
    await migrateOban(node, database.url, schema);
    return new ObanWorld(node, database, schema, await this.install(database, 'oban', { schema }));
  }

  protected worker(): { command: readonly string[]; env: Record<string, string> } {
    return { command: this.command, env: { RECIPE } };
  }

  addJob({ maxAttempts, queue, ...args }: JobSpec): Promise<string> {
    return addObanJob(this.admin, this.schema, args, { maxAttempts, queue });
  }

  async isDone(id: string): Promise<boolean> {
    return (await this.job(id))?.state === 'completed';
  }

  async job(id: string): Promise<ObanJob | undefined> {
    const { rows } = await this.admin.query<ObanJob>(
      `select * from ${this.table('oban_jobs')} where id = $1`,
      [id],
    );
    return rows[0];
  }

  /** Has a running job's row name another node. */
  async rename(id: string, name: string): Promise<void> {
    await this.admin.query(`update ${this.table('oban_jobs')} set attempted_by[1] = $2 where id = $1`, [
      id,
      name,
    ]);
  }
}
