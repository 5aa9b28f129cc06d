import { Command } from 'commander';
import { readSettings, required } from '../config.js';
import { QUOTED_ADAPTERS } from '../db/adapter/source.js';
import { executeOnce } from '../db/execute-once.js';
import { migrate, type MigrateResult } from '../db/migrate.js';
import { explainDatabaseError } from './database-error.js';
import { examples, say } from './output.js';

/** Seconds until Postgres is considered unreachable. */
const ANSWER_S = 5;

/** `job-reaper migrate` */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('Create or update schema reaper at DATABASE_ADMIN_URL; safe to run again')
    .option(
      '--adapter <name or file>',
      `the adapter to install: ${QUOTED_ADAPTERS} or the path of an SQL file or folder (default: the installed one again)`,
    )
    .addHelpText(
      'after',
      examples('job-reaper migrate --adapter reference', 'job-reaper migrate --adapter ./our-queue.sql'),
    )
    .action(async ({ adapter }: { adapter?: string }) => {
      const result = await migrateTo(required(readSettings(), 'DATABASE_ADMIN_URL'), adapter ?? null);
      say(describeMigration(result));
    });
}

/**
 * Migrates the schema.
 *
 * @throws CliError when we cannot connect to Postgres; else what `migrate` throws
 */
export async function migrateTo(adminUrl: string, adapter: string | null): Promise<MigrateResult> {
  try {
    await executeOnce(adminUrl, 'SELECT 1', ANSWER_S);
  } catch (error) {
    throw explainDatabaseError(error, adminUrl, 'DATABASE_ADMIN_URL');
  }
  return migrate(adminUrl, adapter);
}

/** What a migration did, and what is installed now. */
export function describeMigration({ applied, adapter, mode, notes }: MigrateResult): string {
  const did = applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'Schema reaper is up to date.';
  if (adapter === null) {
    return `${did}\nNo adapter is installed yet: run job-reaper migrate --adapter <name or file>.`;
  }
  return [did, `Adapter: ${adapter}. Mode: ${mode}.`, ...notes].join('\n');
}
