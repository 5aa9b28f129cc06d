import pg from 'pg';
import { executeOnce } from '../src/db/execute-once.js';

const LIMIT_S = 30;

/**
 * Creates a database.
 *
 * @param adminUrl the URL of a user that may create databases
 * @param template a database to copy, to which nobody may be connected
 * @returns the URL of the new database, with the credentials of `adminUrl`
 */
export async function createDatabase(adminUrl: string, name: string, template?: string): Promise<string> {
  const from = template === undefined ? '' : ` TEMPLATE ${pg.escapeIdentifier(template)}`;
  await executeOnce(adminUrl, `CREATE DATABASE ${pg.escapeIdentifier(name)}${from}`, LIMIT_S);
  const url = new URL(adminUrl);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** Drops a database if it exists, and ends the sessions that still use it. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await executeOnce(adminUrl, `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`, LIMIT_S);
}
