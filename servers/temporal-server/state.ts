import { createHash, randomBytes } from 'node:crypto';
import { resolve } from 'node:path';

import { execa } from 'execa';

import { createDatabase, dropDatabase } from '../databases.js';

const SCHEMA_LIMIT_MS = 120_000;
const REASON_SHOWN = 600;

/** Where a Temporal server keeps what it knows. */
export interface ServerState {
  /** The Postgres server, with a user that may create databases. Always without TLS. */
  readonly adminUrl: string;
  /** The database of histories and tasks. */
  readonly main: string;
  /** The database of the lists of workflows. */
  readonly visibility: string;
}

/** @param file names the state, so that a later server finds it; undefined for a new state */
export function stateOf(adminUrl: string, file: string | undefined): ServerState {
  const name =
    file === undefined
      ? randomBytes(6).toString('hex')
      : createHash('sha256').update(resolve(file)).digest('hex').slice(0, 12);
  return { adminUrl, main: `temporal_${name}`, visibility: `temporal_${name}_visibility` };
}

/**
 * Creates both databases, or brings their schemas to this version: what is there is kept.
 *
 * @param sqlTool the program `temporal-sql-tool`, which contains the schemas
 * @returns whether nothing was there
 * @throws when a database cannot be created, or the tool fails
 */
export async function prepareState(
  sqlTool: string,
  { adminUrl, main, visibility }: ServerState,
): Promise<boolean> {
  let isNew = false;
  for (const [name, schema] of [
    [main, 'temporal'],
    [visibility, 'visibility'],
  ] as const) {
    isNew = await createDatabase(adminUrl, name).then(
      () => true,
      (error: unknown) => {
        if ((error as { code?: string }).code !== '42P04') throw error;
        return false;
      },
    );
    const run = (args: string[]) => runSqlTool(sqlTool, adminUrl, name, args);
    if (isNew) await run(['setup-schema', '--version', '0.0']);
    await run(['update-schema', '--schema-name', `postgresql/v12/${schema}`]);
  }
  return isNew;
}

/** Forgets everything: to be called while no server uses the state. */
export async function dropState({ adminUrl, main, visibility }: ServerState): Promise<void> {
  await Promise.all([dropDatabase(adminUrl, main), dropDatabase(adminUrl, visibility)]);
}

async function runSqlTool(
  program: string,
  adminUrl: string,
  database: string,
  args: string[],
): Promise<void> {
  const url = new URL(adminUrl);
  const connection = ['--plugin', 'postgres12', '--endpoint', url.hostname, '--port', url.port || '5432'];
  const result = await execa(program, [...connection, '--database', database, ...args], {
    env: { SQL_USER: decodeURIComponent(url.username), SQL_PASSWORD: decodeURIComponent(url.password) },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: SCHEMA_LIMIT_MS,
  });
  if (!result.failed) return;
  throw new Error(
    `Expected \`temporal-sql-tool ${args.join(' ')}\` to succeed, got: ${result.stderr.trim().slice(-REASON_SHOWN) || result.shortMessage}`,
  );
}

/** Forgets what a server with this `stateUrl` and `dbFile` knew: to be called while it is stopped. */
export function dropTemporalState(stateUrl: string, dbFile: string): Promise<void> {
  return dropState(stateOf(stateUrl, dbFile));
}
