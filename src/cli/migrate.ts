import { Command, InvalidArgumentError } from 'commander';
import { readSettings, required } from '../config.js';
import { QUOTED_ADAPTERS } from '../db/adapter/source.js';
import { executeOnce } from '../db/execute-once.js';
import { migrate, type MigrateResult } from '../db/migrate.js';
import { explainDatabaseError } from './database-error.js';
import { examples, say } from './output.js';

/** Seconds until Postgres is considered unreachable. */
const ANSWER_S = 5;

interface MigrateOptions {
  adapter?: string;
  schema?: string;
  set: Record<string, string>;
}

/** `job-reaper migrate` */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('Create or update schema reaper at DATABASE_ADMIN_URL; safe to run again')
    .option(
      '--adapter <name or file>',
      `the adapter to install: ${QUOTED_ADAPTERS} or the path of an SQL file or folder (default: the installed one again)`,
    )
    .option('--schema <name>', "the schema of the queue's tables, the same as --set schema=<name>")
    .option(
      '--set <name=value>',
      'a parameter of the adapter, kept from then on; its contract.sql lists them. May be repeated',
      collect,
      {},
    )
    .addHelpText(
      'after',
      examples(
        'job-reaper migrate --adapter reference',
        'job-reaper migrate --adapter ./our-queue.sql',
        'job-reaper migrate --adapter ./our-queue --schema jobs',
      ),
    )
    .action(async ({ adapter, schema, set }: MigrateOptions) => {
      const parameters = schema === undefined ? set : { ...set, schema };
      const url = required(readSettings(), 'DATABASE_ADMIN_URL');
      const result = await migrateTo(url, adapter ?? null, parameters);
      say(describeMigration(result));
    });
}

/**
 * Migrates the schema.
 *
 * @throws CliError when we cannot connect to Postgres; else what `migrate` throws
 */
export async function migrateTo(
  adminUrl: string,
  adapter: string | null,
  parameters: Record<string, string> = {},
): Promise<MigrateResult> {
  await expectAnswer(adminUrl);
  return migrate(adminUrl, adapter, parameters);
}

/**
 * Makes sure that Postgres answers.
 *
 * @throws CliError if not
 */
export async function expectAnswer(adminUrl: string): Promise<void> {
  try {
    await executeOnce(adminUrl, 'SELECT 1', ANSWER_S);
  } catch (error) {
    throw explainDatabaseError(error, adminUrl, 'DATABASE_ADMIN_URL');
  }
}

/** What a migration did, and what is installed now. */
export function describeMigration({ applied, adapter, mode, notes }: MigrateResult): string {
  const did = applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'Schema reaper is up to date.';
  if (adapter === null) {
    return `${did}\nNo adapter is installed yet: run job-reaper migrate --adapter <name or file>.`;
  }
  return [did, `Adapter: ${adapter}. Mode: ${mode}.`, ...notes].join('\n');
}

function collect(text: string, previous: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([a-z][a-z0-9_]*)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError('Expected <name>=<value>, such as schema=worker.');
  }
  return { ...previous, [name]: value };
}
