import { fileURLToPath } from 'node:url';
import type { MigrateResult } from '../../src/db/migrate.js';
import { createAppDatabase, QueueWorld, type AppDatabase, type JobSpec } from './queue-world.js';

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

/** A database with the tables of graphile-worker, and a reaper for it. */
export class GraphileWorld extends QueueWorld {
  private constructor(
    readonly version: GraphileVersion,
    ...world: [database: AppDatabase, schema: string, installed: MigrateResult]
  ) {
    super(...world);
  }

  static async of(version: GraphileVersion, schema: string): Promise<GraphileWorld> {
    const database = await createAppDatabase();
    const { runMigrations } = await load(version);
    await runMigrations({ connectionString: database.url, schema });
    return new GraphileWorld(
      version,
      database,
      schema,
      await this.install(database, 'graphile-worker', { schema }),
    );
  }

  protected worker(): { command: string; env: Record<string, string> } {
    return { command: SCRIPT, env: { GRAPHILE: this.version } };
  }

  async addJob({ maxAttempts, queue, ...payload }: JobSpec & { queue?: string }): Promise<string> {
    const { rows } = await this.admin.query<{ id: string }>(
      `select id::text from ${this.table('add_job')}('work', $1::json, queue_name := $2, max_attempts := $3)`,
      [JSON.stringify(payload), queue ?? null, maxAttempts ?? null],
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

  async isDone(id: string): Promise<boolean> {
    return (await this.job(id)) === null;
  }
}

/** Loads a version of the package. */
export async function load(version: GraphileVersion): Promise<Graphile> {
  return (await import(version)) as Graphile;
}
