import { Command } from 'commander';
import { readSettings, required } from '../config.js';
import { createPool } from '../db/pool.js';
import { Names } from '../naming.js';
import { colors } from './colors.js';
import type { Level } from './doctor/check.js';
import type { Diagnosis } from './doctor/run-checks.js';
import { examples, printJson } from './output.js';

const MARKS: Record<Level, string> = {
  ok: colors.green('ok  '),
  warn: colors.yellow('warn'),
  fail: colors.red('fail'),
};
const INDENT = ' '.repeat(6);

/** `job-reaper doctor` */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Check the installation and suggest fixes. Checks more if DATABASE_ADMIN_URL is set')
    .option('--json', 'print the findings as JSON')
    .addHelpText(
      'after',
      '\nIt changes nothing: with DATABASE_ADMIN_URL, it tries the adapter on one running job and rolls that back.\n' +
        'The exit code is 1 if a check fails, and 0 if there are only warnings.\n' +
        examples('job-reaper doctor', 'job-reaper doctor --json'),
    )
    .action(async ({ json }: { json?: true }) => {
      const diagnoses = await diagnose();
      const failures = diagnoses.filter(({ level }) => level === 'fail').length;
      if (json) printJson({ ok: failures === 0, findings: diagnoses });
      else print(diagnoses);
      if (failures > 0) process.exitCode = 1;
    });
}

async function diagnose(): Promise<Diagnosis[]> {
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
      temporal: () => (client ??= connectClient(target)),
    });
  } finally {
    await Promise.all([pool.end(), admin?.end()]);
    // A failure to connect was reported by a check.
    await client?.then(({ connection }) => connection.close()).catch(() => undefined);
  }
}

function print(diagnoses: readonly Diagnosis[]): void {
  for (const { level, check, expected, got, todo } of diagnoses) {
    console.log(`${MARKS[level]}  ${colors.bold(check)}: ${level === 'ok' ? `${expected}: ${got}` : got}`);
    if (level === 'ok') continue;
    console.log(`${INDENT}expected ${expected}`);
    if (todo !== null) console.log(`${INDENT}${colors.cyan('fix:')} ${todo}`);
  }
  const count = (wanted: Level) => diagnoses.filter(({ level }) => level === wanted).length;
  console.log(`\n${count('ok')} ok, ${count('warn')} with a warning, ${count('fail')} failed.`);
}
