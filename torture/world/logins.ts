import type { Database } from '../../src/db/database.js';

const PASSWORD = 'torture';

/** Roles of the processes under test: each has its own, so that the flight recorder tells them apart. */
export const LOGINS = {
  reaper: 'torture_reaper',
  probe: 'torture_probe',
  launcher: 'torture_launcher',
} as const;

/** The login of sql gates, in its own database: it may ask for the files of the machine. */
export const GATE_LOGIN = 'torture_gates';

/** The application_name with which the harness itself does what a late monitor would do. */
export const LATE_MONITOR = 'late monitor';

/** Creates the logins, with no more rights than each needs. */
export async function createLogins(admin: Database): Promise<void> {
  const { reaper, probe, launcher } = LOGINS;
  for (const login of [reaper, probe, launcher]) {
    await admin.query(`do $$ begin
      create role ${login} login password '${PASSWORD}';
    exception when duplicate_object or unique_violation then null; end $$`);
  }
  await admin.query(`
    grant reaper to ${reaper};
    grant reaper_probe to ${probe};
    grant select, insert, update on public.jobs, public.agent_runs, public.tasks to ${launcher};
    grant usage on schema reaper to ${launcher};
    grant execute on function reaper.now() to ${launcher}`);
}

/** Creates the login of sql gates. */
export async function createGateLogin(admin: Database): Promise<void> {
  await admin.query(`
    create role ${GATE_LOGIN} login password '${PASSWORD}';
    grant pg_read_server_files to ${GATE_LOGIN};
    grant execute on function pg_stat_file(text, boolean) to ${GATE_LOGIN}`);
}

/** The same database by another login. */
export function loginUrl(databaseUrl: string, login: string): string {
  const url = new URL(databaseUrl);
  url.username = login;
  url.password = PASSWORD;
  return url.href;
}
