import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** URLs of the demo's logins, each with only the rights it needs. */
export interface Logins {
  /** A member of role `reaper`, for the worker. */
  reaperUrl: string;
  /** May use the queue's three tables and, in schema `reaper`, only the clock. */
  launcherUrl: string;
}

/**
 * Creates the logins in a migrated database. They are new ones: existing roles of the server stay unchanged.
 *
 * @param databaseUrl of the database's owner
 * @param prefix of the names, unique on the server
 */
export async function createLogins(databaseUrl: string, prefix: string): Promise<Logins> {
  const password = randomBytes(18).toString('base64url');
  const [reaper, launcher] = loginNames(prefix);
  await onServer(databaseUrl, [
    `create role ${pg.escapeIdentifier(reaper)} login password ${pg.escapeLiteral(password)} in role reaper`,
    `create role ${pg.escapeIdentifier(launcher)} login password ${pg.escapeLiteral(password)}`,
    `grant select, insert, update on public.jobs, public.agent_runs, public.tasks to ${pg.escapeIdentifier(launcher)}`,
    `grant usage on schema reaper to ${pg.escapeIdentifier(launcher)}`,
    `grant execute on function reaper.now() to ${pg.escapeIdentifier(launcher)}`,
  ]);
  return {
    reaperUrl: loginUrl(databaseUrl, reaper, password),
    launcherUrl: loginUrl(databaseUrl, launcher, password),
  };
}

/** Drops the logins, after their database. */
export async function dropLogins(adminUrl: string, prefix: string): Promise<void> {
  await onServer(
    adminUrl,
    loginNames(prefix).map((name) => `drop role if exists ${pg.escapeIdentifier(name)}`),
  );
}

function loginNames(prefix: string): [reaper: string, launcher: string] {
  return [`${prefix}_reaper`, `${prefix}_launcher`];
}

function loginUrl(databaseUrl: string, name: string, password: string): string {
  const url = new URL(databaseUrl);
  url.username = name;
  url.password = password;
  return url.href;
}

async function onServer(url: string, statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'job-reaper demo' });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
