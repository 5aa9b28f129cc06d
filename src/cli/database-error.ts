import pg from 'pg';
import { explainPostgresError, type UrlSetting } from '../db/explain-error.js';
import { CliError } from './errors.js';

export { isSchemaMissing, type UrlSetting } from '../db/explain-error.js';

/** Whether Postgres refused to declare a host or a boot gone, because its probe still answers or the boot id is malformed. */
export function isRefusedGone(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === 'RP002' || error.code === '22023');
}

/** Explains what a Postgres error means and what to do next. Never contains the URL's password. */
export function explainDatabaseError(error: unknown, url: string, setting: UrlSetting): CliError {
  if (error instanceof CliError) return error;
  return new CliError(explainPostgresError(error, url, setting).sentence, { cause: error });
}
