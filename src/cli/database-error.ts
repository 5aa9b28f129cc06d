import pg from 'pg';
import { explainPostgresError, type UrlSetting } from '../db/explain-error.js';
import { CliError } from './errors.js';

export { isSchemaMissing, type UrlSetting } from '../db/explain-error.js';

/** Whether a host could not be declared gone because its probe still answers. */
export function isRefusedHostGone(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === 'RP002';
}

/** Says what a failure of Postgres means and what to do next. The URL's password is never part of it. */
export function explainDatabaseError(error: unknown, url: string, setting: UrlSetting): CliError {
  if (error instanceof CliError) return error;
  return new CliError(explainPostgresError(error, url, setting).sentence, { cause: error });
}
