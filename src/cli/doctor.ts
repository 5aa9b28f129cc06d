import { Command } from 'commander';
import { readSettings, required } from '../config.js';
import { createPool } from '../db/pool.js';
import { Names } from '../naming.js';
import { colors } from './colors.js';
import type { Level } from './doctor/check.js';
import type { Diagnosis } from './doctor/run-checks.js';
import { examples, printJson, say } from './output.js';

const MARKS: Record<Level, string> = {
  ok: colors.green('ok  '),
  warn: colors.yellow('warn'),
  fail: colors.red('fail'),
};
const INDENT = 6;

/** `job-reaper doctor` */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Check the installation and suggest fixes. Checks more if DATABASE_ADMIN_URL is set')
    .option('--json', 'print the findings as JSON')
    .option(
      '--worker-url <url>',
      "what the queue's workers connect to: checks that a pooler there keeps their names apart",
    )
    .addHelpText(
      'after',
      '\nIt changes nothing: with DATABASE_ADMIN_URL, it tries the adapter on one running job and rolls that back.\n' +
        'The exit code is 1 if a check fails, and 0 if there are only warnings.\n' +
        examples('job-reaper doctor', 'job-reaper doctor --json'),
    )
    .action(async ({ json, workerUrl = null }: { json?: true; workerUrl?: string | null }) => {
      const diagnoses = await diagnose(workerUrl);
      const failures = diagnoses.filter(({ level }) => level === 'fail').length;
      if (json) printJson({ ok: failures === 0, findings: diagnoses });
      else print(diagnoses);
      if (failures > 0) process.exitCode = 1;
    });
}

async function diagnose(workerUrl: string | null): Promise<Diagnosis[]> {
  const settings = readSettings();
  const url = required(settings, 'DATABASE_URL');
  const { CHECKS } = await import('./doctor/checks.js');
  const { runChecks } = await import('./doctor/run-checks.js');
  const { connectClient } = await import('../temporal/connect.js');
  const { readTemporalTarget } = await import('../temporal/read-target.js');
  const target = readTemporalTarget();
  const pool = createPool(url, { applicationName: 'job-reaper doctor', max: 4 });
  const adminUrl = settings.DATABASE_ADMIN_URL;
  const admin =
    adminUrl === undefined ? null : createPool(adminUrl, { applicationName: 'job-reaper doctor', max: 1 });
  let client: ReturnType<typeof connectClient> | undefined;
  try {
    return await runChecks(CHECKS, {
      settings,
      names: new Names(settings.REAPER_NAME),
      namespace: target.namespace,
      pool,
      admin,
      workerUrl,
      temporal: () => (client ??= connectClient(target)),
    });
  } finally {
    await Promise.all([pool.end(), admin?.end()]);
    // A failure to connect was reported by a check.
    await client?.then(({ connection }) => connection.close()).catch(() => undefined);
  }
}

function print(diagnoses: readonly Diagnosis[]): void {
  const skipped = diagnoses.filter((each) => each.skipped);
  const done = diagnoses.filter((each) => !each.skipped);
  for (const { level, check, expected, got, todo } of done) {
    say(`${MARKS[level]}  ${colors.bold(check)}: ${level === 'ok' ? `${expected}: ${got}` : got}`, INDENT);
    // An error of ours has said what was expected, and what to do.
    if (level === 'ok' || got.startsWith('Expected ')) continue;
    const indent = ' '.repeat(INDENT);
    say(`${indent}expected ${expected}`);
    if (todo !== null) say(`${indent}${colors.cyan('fix:')} ${todo}`);
  }
  if (skipped.length > 0) {
    const names = skipped.map(({ check }) => check).join(', ');
    say(`skip  ${names}: fix what failed above, then run job-reaper doctor again`, INDENT);
  }
  say(`\n${summarize(done)}${skipped.length > 0 ? ` ${skipped.length} skipped.` : ''}`);
}

/** How many of each, and which checks need attention. */
function summarize(diagnoses: readonly Diagnosis[]): string {
  const count = (wanted: Level) => diagnoses.filter(({ level }) => level === wanted).length;
  const named = (wanted: Level) => {
    const names = diagnoses.filter(({ level }) => level === wanted).map(({ check }) => check);
    return names.length === 0 ? '' : ` (${[...new Set(names)].join(', ')})`;
  };
  return `${count('ok')} ok, ${count('warn')} with a warning${named('warn')}, ${count('fail')} failed${named('fail')}.`;
}
