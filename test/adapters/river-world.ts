import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { MigrateResult } from '../../src/db/migrate.js';
import { packageRoot } from '../../src/paths.js';
import { buildGo, readTokenRecipe } from './go.js';
import { createAppDatabase, QueueWorld, type AppDatabase, type JobSpec } from './queue-world.js';

const FOLDER = join(packageRoot, 'test/adapters/river');

/** The versions of River: each is a folder with a go.mod of its own. */
export type RiverVersion = 'current' | 'before';

/** A job as River's own API returns it. */
export interface RiverJob {
  ID: number;
  Attempt: number;
  AttemptedBy: string[];
  Errors: { at: string; attempt: number; error: string; trace: string }[] | null;
  FinalizedAt: string | null;
  MaxAttempts: number;
  Metadata: string;
  State: string;
}

/** A database with the tables of River, and a reaper for it. */
export class RiverWorld extends QueueWorld {
  private constructor(
    public program: string,
    ...world: [database: AppDatabase, schema: string, installed: MigrateResult]
  ) {
    super(...world);
  }

  static async of(version: RiverVersion, schema = 'public'): Promise<RiverWorld> {
    const program = await buildRiver(version);
    const database = await createAppDatabase();
    if (schema !== 'public') await database.admin.query(`create schema ${schema}`);
    await runRiver(program, database.url, schema, 'migrate');
    return new RiverWorld(program, database, schema, await this.install(database, 'river', { schema }));
  }

  protected worker(): { command: readonly string[]; env: Record<string, string> } {
    return { command: [this.program, 'work'], env: {} };
  }

  async addJob({ maxAttempts = 25, queue = 'default', ...args }: JobSpec): Promise<string> {
    const { rows } = await this.admin.query<{ id: string }>(
      `insert into ${this.table('river_job')} (kind, args, max_attempts, queue) values ('work', $1, $2, $3) returning id::text`,
      [JSON.stringify(args), maxAttempts, queue],
    );
    return rows[0]?.id ?? '';
  }

  async isDone(id: string): Promise<boolean> {
    const { rowCount } = await this.admin.query(
      `select from ${this.table('river_job')} where id = $1 and state = 'completed'`,
      [id],
    );
    return rowCount === 1;
  }

  /** Has a running job's row name another client. */
  async rename(id: string, name: string): Promise<void> {
    await this.admin.query(
      `update ${this.table('river_job')} set attempted_by[array_upper(attempted_by, 1)] = $2 where id = $1`,
      [id, name],
    );
  }

  /** Asks River's API about a job, or to do something with it. */
  async api(what: 'get' | 'retry' | 'cancel', id: string): Promise<RiverJob> {
    return JSON.parse(await runRiver(this.program, this.url, this.schema, what, id)) as RiverJob;
  }
}

/** Compiles the tests' program for a version of River. */
export async function buildRiver(version: RiverVersion): Promise<string> {
  return buildGo(join(FOLDER, version), {
    'worker.go': await readFile(join(FOLDER, 'worker.go'), 'utf8'),
    'token.go': await readTokenRecipe(),
  });
}

/** Runs the program to its end, and returns what it prints. */
export async function runRiver(
  program: string,
  url: string,
  schema: string,
  ...words: string[]
): Promise<string> {
  const { stdout } = await promisify(execFile)(program, words, {
    env: { ...process.env, DATABASE_URL: url, SCHEMA: schema },
  });
  return stdout;
}
