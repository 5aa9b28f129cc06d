/** Settings of the user's shell must not reach the processes under test. */
const OURS =
  /^(REAPER_|LAUNCHER_|DATABASE_|MERGE_|LEASE_|TELEGRAM_|SELF_HOSTING_|TORTURE_|TEMPORAL_|XDG_|PG[A-Z])/;

/**
 * The environment of a process under test.
 *
 * @param home where it may look for files of the user's, and finds none
 */
export function environment(home: string, settings: Record<string, string>): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !OURS.test(name));
  return { ...Object.fromEntries(others), HOME: home, ...settings };
}
