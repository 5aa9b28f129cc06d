import pg from 'pg';
import { explainPostgresError, type UrlSetting } from '../db/explain-error.js';
import { CliError } from './errors.js';

export { isSchemaMissing, type UrlSetting } from '../db/explain-error.js';

/** Whether Postgres refused to declare a host or a boot gone, such as while its probe still answers; or took no boot id for one. */
export function isRefusedGone(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === 'RP002' || error.code === '22023');
}

/** Says what a failure of Postgres means and what to do next. The URL's password is never part of it. */
export function explainDatabaseError(error: unknown, url: string, setting: UrlSetting): CliError {
  if (error instanceof CliError) return error;
  return new CliError(explainPostgresError(error, url, setting).sentence, { cause: error });
}
