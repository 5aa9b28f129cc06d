import { fileURLToPath } from 'node:url';
import type { MigrateResult } from '../../src/db/migrate.js';
import { createAppDatabase, QueueWorld, type AppDatabase, type JobSpec } from './queue-world.js';

const SCRIPT = fileURLToPath(new URL('./pg-boss/worker.mjs', import.meta.url));

/** The packages, by the names under which they are installed here: versions 12, 10, and the first of 12. */
export type BossVersion = 'pg-boss' | 'pg-boss-before' | 'pg-boss-twelve';

/** A job as pg-boss' API shows it. */
export interface BossJob {
  id: string;
  name: string;
  data: object | null;
  state: string;
  retryCount: number;
  output: { value?: { message?: string } } | null;
  startAfter: Date;
  sourceName?: string;
  sourceId?: string;
}

/** The part of the package that tests call. */
export interface Boss {
  start(): Promise<unknown>;
  stop(options: { graceful: boolean }): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): void;
  createQueue(name: string, options?: object): Promise<void>;
  send(name: string, data: object, options?: object): Promise<string | null>;
  fetch(name: string, options?: object): Promise<BossJob[]>;
  complete(name: string, id: string | { id: string; retryCount: number }): Promise<unknown>;
  getJobById(name: string, id: string): Promise<BossJob | null>;
  supervise?(name?: string): Promise<void>;
  maintain?(): Promise<void>;
  detectSchemaDrift?(): Promise<{ ok: boolean; columnDrift: unknown[] }>;
}

/** Loads a version of the package, and makes an instance that runs no maintenance of its own. */
export async function createBoss(version: BossVersion, options: object): Promise<Boss> {
  type Constructor = new (given: object) => Boss;
  const module = (await import(version)) as { PgBoss?: Constructor; default?: Constructor };
  const Made = module.PgBoss ?? module.default;
  if (Made === undefined) throw new Error(`Expected a class in ${version}, got none`);
  const boss = new Made({ supervise: false, schedule: false, max: 2, ...options });
  boss.on('error', (error) => console.error(error));
  return boss;
}

/** pg-boss in a database of its own, and a reaper for it. Ids of jobs are `<queue>/<id>`. */
export class BossWorld extends QueueWorld {
  private constructor(
    readonly version: BossVersion,
    readonly boss: Boss,
    database: AppDatabase,
    schema: string,
    installed: MigrateResult,
  ) {
    super(database, schema, installed);
  }

  static async of(version: BossVersion, schema = 'pgboss'): Promise<BossWorld> {
    const database = await createAppDatabase();
    const boss = await createBoss(version, { connectionString: database.url, schema });
    await boss.start();
    await boss.createQueue('work');
    const installed = await QueueWorld.install(database, 'pg-boss', { schema });
    return new BossWorld(version, boss, database, schema, installed);
  }

  override async end(): Promise<void> {
    await this.boss.stop({ graceful: false });
    await super.end();
  }

  protected worker() {
    return { command: SCRIPT, env: { PG_BOSS: this.version } };
  }

  async addJob(spec: JobSpec): Promise<string> {
    return this.send('work', spec);
  }

  /** Enqueues a job in a queue. */
  async send(queue: string, spec: JobSpec, options: object = {}): Promise<string> {
    const { maxAttempts = 3, ...data } = spec;
    const id = await this.boss.send(queue, data, { retryLimit: maxAttempts - 1, ...options });
    if (id === null) throw new Error('Expected a job, got none');
    return `${queue}/${id}`;
  }

  /** A job as the package's API shows it. */
  async job(id: string): Promise<BossJob> {
    const [queue = '', bare = ''] = id.split('/');
    const found = await this.boss.getJobById(queue, bare);
    if (found === null) throw new Error(`Expected job ${id}, got none`);
    return found;
  }

  async isDone(id: string): Promise<boolean> {
    return (await this.job(id)).state === 'completed';
  }
}
