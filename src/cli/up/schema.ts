import { required, type Settings } from '../../config.js';
import { readControl } from '../../db/control.js';
import { createPool } from '../../db/pool.js';
import type { Logger } from '../../log.js';
import { explainDatabaseError, isSchemaMissing } from '../database-error.js';
import { CliError } from '../errors.js';
import { describeMigration, migrateTo } from '../migrate.js';

/**
 * Checks that schema reaper exists with an adapter. First migrates, if the operator named an adapter.
 *
 * @throws CliError that names the command to run, if there is no schema and no adapter was named
 */
export async function prepareSchema(settings: Settings, adapter: string | null, log: Logger): Promise<void> {
  if (adapter !== null) {
    const result = await migrateTo(required(settings, 'DATABASE_ADMIN_URL'), adapter);
    for (const line of describeMigration(result).split('\n')) log.info(line);
  }
  const url = required(settings, 'DATABASE_URL');
  if (await hasAdapter(url)) return;
  throw new CliError(
    'Expected schema reaper with an adapter at DATABASE_URL, got none: set DATABASE_ADMIN_URL to the owner of your job ' +
      'tables and run\n  job-reaper up --adapter <a name, a file or a folder>\nor, once,\n' +
      '  job-reaper migrate --adapter <a name, a file or a folder>',
  );
}

async function hasAdapter(url: string): Promise<boolean> {
  const pool = createPool(url, { applicationName: 'job-reaper up', max: 1 });
  try {
    return (await readControl(pool)).adapter !== null;
  } catch (error) {
    if (isSchemaMissing(error)) return false;
    throw explainDatabaseError(error, url, 'DATABASE_URL');
  } finally {
    await pool.end();
  }
}
