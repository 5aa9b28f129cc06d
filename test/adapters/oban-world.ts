import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type pg from 'pg';
import type { MigrateResult } from '../../src/db/migrate.js';
import { packageRoot } from '../../src/paths.js';
import { createAppDatabase, QueueWorld, type AppDatabase, type JobSpec } from './queue-world.js';

const FOLDER = join(packageRoot, 'test/adapters/oban');

/** The command that stands in for a node of Oban. */
export const PRODUCER = ['elixir', join(FOLDER, 'producer.exs')] as const;
/** Where it finds the recipe for tokens. */
export const RECIPE = join(packageRoot, 'docs/recipes/token.exs');

/** Whether nodes of Oban can be stood in for here. */
export const hasElixir = [
  ['elixir', '--version'],
  ['psql', '--version'],
].every(([program = '', word = '']) => spawnSync(program, [word]).status === 0);

/** The folder of Oban's compiled library and what it needs; null if it is not there. */
export const obanLibrary =
  [process.env['OBAN_LIBRARY'], join(FOLDER, 'library/_build/dev/lib')].find(
    (folder) => folder !== undefined && existsSync(join(folder, 'oban/ebin')),
  ) ?? null;

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
  static async ofLibrary(library: string, schema = 'public'): Promise<ObanWorld> {
    const database = await createAppDatabase();
    const command = ['elixir', '-pa', join(library, '*/ebin'), join(FOLDER, 'node.exs')];
    const [elixir = '', ...words] = command;
    await execa(elixir, words, {
      env: { RECIPE, DATABASE_URL: database.url, SCHEMA: schema, TABLES: 'true' },
    });
    return new ObanWorld(command, database, schema, await this.install(database, 'oban', { schema }));
  }

  protected worker(): { command: readonly string[]; env: Record<string, string> } {
    return { command: this.command, env: { RECIPE } };
  }

  /** As Oban does: a row, and a message to the nodes. */
  async addJob({ maxAttempts = 20, queue = 'default', ...args }: JobSpec): Promise<string> {
    const { rows } = await this.admin.query<{ id: string }>(
      `insert into ${this.table('oban_jobs')} (worker, args, max_attempts, queue) values ('Work', $1, $2, $3) returning id::text`,
      [JSON.stringify(args), maxAttempts, queue],
    );
    await this.admin.query('select pg_notify($1, $2)', [
      `${this.schema}.oban_insert`,
      JSON.stringify({ queue }),
    ]);
    return rows[0]?.id ?? '';
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

/** Creates the tables as Oban's migrations do. */
export async function createObanTables(admin: pg.Pool | pg.Client, schema: string): Promise<void> {
  const tables = await readFile(join(FOLDER, 'tables.sql'), 'utf8');
  await admin.query(tables.replaceAll(':schema', schema));
}
