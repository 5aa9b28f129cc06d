import { explainPostgresError, type UrlSetting } from '../db/explain-error.js';
import { CliError } from './errors.js';

export { isSchemaMissing, type UrlSetting } from '../db/explain-error.js';

/** Explains what a Postgres error means and what to do next. Never contains the URL's password. */
export function explainDatabaseError(error: unknown, url: string, setting: UrlSetting): CliError {
  if (error instanceof CliError) return error;
  return new CliError(explainPostgresError(error, url, setting).sentence, { cause: error });
}
