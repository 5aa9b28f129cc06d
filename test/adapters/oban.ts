import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Queryable } from '../../src/db/database.js';
import { packageRoot } from '../../src/paths.js';

const FOLDER = join(packageRoot, 'test/adapters/oban');

/** Where nodes find the recipe for tokens. */
export const RECIPE = join(packageRoot, 'docs/recipes/token.exs');

/** The command that stands in for a node of Oban. */
export const PRODUCER: readonly string[] = ['elixir', join(FOLDER, 'producer.exs')];

/** Whether nodes of Oban can be stood in for here. */
export const hasElixir = [
  ['elixir', '--version'],
  ['psql', '--version'],
].every(([program = '', word = '']) => spawnSync(program, [word]).status === 0);

const library = [process.env['OBAN_LIBRARY'], join(FOLDER, 'library/_build/dev/lib')].find(
  (folder) => folder !== undefined && existsSync(join(folder, 'oban/ebin')),
);

/** The command of a node of Oban itself; null if its library is not there. */
export const OBAN_NODE: readonly string[] | null =
  library === undefined ? null : ['elixir', '-pa', join(library, '*/ebin'), join(FOLDER, 'node.exs')];

/** Creates the tables as Oban's migrations do, as far as jobs are concerned. */
export async function createObanTables(admin: Queryable, schema: string): Promise<void> {
  const tables = await readFile(join(FOLDER, 'tables.sql'), 'utf8');
  await admin.query(tables.replaceAll(':schema', schema));
}

/** Has Oban itself create its tables. */
export async function migrateOban(node: readonly string[], url: string, schema: string): Promise<void> {
  const [program = '', ...words] = node;
  await execa(program, words, { env: { RECIPE, DATABASE_URL: url, SCHEMA: schema, TABLES: 'true' } });
}

/** Enqueues a job as Oban does: a row, and a message to the nodes. */
export async function addObanJob(
  admin: Queryable,
  schema: string,
  args: object,
  { maxAttempts = 20, queue = 'default' } = {},
): Promise<string> {
  const { rows } = await admin.query<{ id: string }>(
    `insert into ${schema}.oban_jobs (worker, args, max_attempts, queue) values ('Work', $1, $2, $3) returning id::text`,
    [JSON.stringify(args), maxAttempts, queue],
  );
  await admin.query('select pg_notify($1, $2)', [`${schema}.oban_insert`, JSON.stringify({ queue })]);
  return rows[0]?.id ?? '';
}
