import { Command, Option } from 'commander';
import { readReport, type ReportLine } from '../db/report.js';
import { withContext } from './context.js';
import { formatDuration } from '../domain/duration.js';
import { parseDuration } from './duration.js';
import { counted, formatTime } from '../domain/wording.js';
import { examples, printJson, say } from './output.js';
import { renderTable } from './table.js';

const DAY_S = 86_400;

/** `job-reaper report` */
export function reportCommand(): Command {
  return new Command('report')
    .description('Show what the dry run would have reaped, and what happened to those runs')
    .addOption(
      new Option('--since <duration>', 'how far back, such as 7d')
        .argParser(parseDuration)
        .default(DAY_S, '1d'),
    )
    .option('--json', 'print the lines as JSON')
    .addHelpText('after', examples('job-reaper report --since 7d', 'job-reaper report --json'))
    .action(async ({ since, json }: { since: number; json?: true }) => {
      const lines = await withContext(({ query }) => query((pool) => readReport(pool, since)));
      if (json) printJson(lines);
      else print(lines, since);
    });
}

function print(lines: ReportLine[], sinceS: number): void {
  const period = `the last ${formatDuration(sinceS)}`;
  if (lines.length === 0) {
    say(`In ${period}, the dry run would have reaped nothing.`);
    return;
  }
  console.log(reportTable(lines));
  const sum = (field: 'runs' | 'endedByThemselves') => lines.reduce((total, line) => total + line[field], 0);
  const ended = sum('endedByThemselves');
  const advice =
    ended === 0 ? '' : ' Find out why they would have been reaped before you run job-reaper activate.';
  say(
    `In ${period}, the dry run would have reaped ${counted(sum('runs'), 'run')}. Ended by themselves: ${ended}.${advice}`,
  );
}

/** @param width the terminal's width in columns */
export function reportTable(lines: ReportLine[], width: number | undefined = process.stdout.columns): string {
  return renderTable(
    ['agent', 'tier', 'would be', 'runs', 'ended by themselves', 'reaped later', 'running', 'last', 'reason'],
    lines.map((line) => [
      line.agent,
      line.tier,
      line.outcome,
      line.runs,
      line.endedByThemselves,
      line.reaped,
      line.stillRunning,
      formatTime(line.lastAt),
      line.lastReason,
    ]),
    width,
    ['last', 'running', 'reaped later'],
  );
}
