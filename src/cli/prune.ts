import { Command, InvalidArgumentError, Option } from 'commander';
import { readSettings, required } from '../config.js';
import { createPool } from '../db/pool.js';
import { prune, type Pruned } from '../db/prune.js';
import { explainDatabaseError } from './database-error.js';
import { formatDuration } from '../domain/duration.js';
import { parseDuration } from './duration.js';
import { examples, printJson } from './output.js';
import { renderTable } from './table.js';

const DAY_S = 86_400;
/** A ledger with years of claims takes a while. */
const STATEMENT_LIMIT_MS = 10 * 60_000;

interface PruneOptions {
  olderThan: number;
  dryRun?: boolean;
  json?: true;
}

/** `job-reaper prune` */
export function pruneCommand(): Command {
  return new Command('prune')
    .description('Remove old claims, observations and related rows, at DATABASE_ADMIN_URL; totals are kept')
    .addOption(
      new Option('--older-than <duration>', 'minimum age of the rows to remove, such as 90d; at least 1d')
        .argParser(parseAge)
        .makeOptionMandatory(),
    )
    .option('--dry-run', 'only show what would be removed')
    .option('--json', 'print the counts as JSON')
    .addHelpText(
      'after',
      examples('job-reaper prune --older-than 90d --dry-run', 'job-reaper prune --older-than 90d'),
    )
    .action(async ({ olderThan, dryRun = false, json }: PruneOptions) => {
      const pruned = await pruneAt(required(readSettings(), 'DATABASE_ADMIN_URL'), olderThan, dryRun);
      if (json) printJson(pruned);
      else print(pruned, olderThan, dryRun);
    });
}

async function pruneAt(url: string, olderThanS: number, dryRun: boolean): Promise<Pruned> {
  const pool = createPool(url, {
    applicationName: 'job-reaper prune',
    statementTimeoutMs: STATEMENT_LIMIT_MS,
    max: 1,
  });
  try {
    return await prune(pool, olderThanS, dryRun);
  } catch (error) {
    throw explainDatabaseError(error, url, 'DATABASE_ADMIN_URL');
  } finally {
    await pool.end();
  }
}

function print(pruned: Pruned, olderThanS: number, dryRun: boolean): void {
  const removed = dryRun ? 'would be removed' : 'removed';
  console.log(
    renderTable(
      [`older than ${formatDuration(olderThanS)}`, removed],
      [
        ['claims, with their notifications', pruned.claims],
        ['observations of the dry run', pruned.observations],
        ['alerts', pruned.notifications],
        ['lease reclaims', pruned.leaseReclaims],
        ['changes by operators', pruned.controlChanges],
        ['expired holds', pruned.holds],
        ['announced workers', pruned.workers],
      ],
    ),
  );
}

function parseAge(text: string): number {
  const seconds = parseDuration(text);
  if (seconds < DAY_S)
    throw new InvalidArgumentError('Expected at least 1d: watches may still need newer rows.');
  return seconds;
}
