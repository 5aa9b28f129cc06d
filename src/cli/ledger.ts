import { Command, InvalidArgumentError, Option } from 'commander';
import { listLedger, type LedgerEntry } from '../db/ledger.js';
import { withContext } from './context.js';
import { formatTime } from '../domain/wording.js';
import { examples, printJson, say } from './output.js';
import { renderTable } from './table.js';

const MAX_LIMIT = 10_000;

interface LedgerOptions {
  job?: string;
  limit: number;
  json?: true;
}

/** `job-reaper ledger` */
export function ledgerCommand(): Command {
  return new Command('ledger')
    .description('List the claims, newest first; --json includes their evidence')
    .option('--job <id>', 'only claims of this job')
    .addOption(new Option('--limit <n>', 'how many to list at most').argParser(parseLimit).default(20))
    .option('--json', 'print the rows as JSON')
    .addHelpText('after', examples('job-reaper ledger --limit 50', 'job-reaper ledger --job 4711 --json'))
    .action(async ({ job, limit, json }: LedgerOptions) => {
      const jobId = job ?? null;
      const entries = await withContext(({ query }) => query((pool) => listLedger(pool, { jobId, limit })));
      if (json) printJson(entries);
      else if (entries.length > 0) console.log(ledgerTable(entries));
      else say(jobId === null ? 'Nothing has been reaped yet.' : `Job ${jobId} was never reaped.`);
    });
}

/** @param width the terminal's width in columns */
export function ledgerTable(
  entries: LedgerEntry[],
  width: number | undefined = process.stdout.columns,
): string {
  return renderTable(
    [
      'claimed at',
      'job',
      'agent',
      'repo',
      'host',
      'pid',
      'outcome',
      'tier',
      'cause',
      'reason',
      'stage',
      'owed',
    ],
    entries.map((entry) => [
      formatTime(entry.claimedAt),
      entry.jobId,
      entry.agent,
      entry.repo,
      entry.host,
      entry.pid,
      entry.outcome,
      entry.tier,
      entry.cause,
      entry.reason,
      entry.toStage === null ? null : `${entry.fromStage ?? '?'} -> ${entry.toStage}`,
      entry.owed ? 'yes' : 'no',
    ]),
    width,
    ['stage', 'cause', 'repo', 'pid', 'host', 'owed'],
  );
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > MAX_LIMIT) {
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAX_LIMIT}.`);
  }
  return limit;
}
