import type { Servers } from '../../servers/index.js';

/** Settings from the user's shell that must not reach the demo's worker and launchers. */
const OURS = /^(REAPER_|LAUNCHER_|DATABASE_|MERGE_|LEASE_|TELEGRAM_|SELF_HOSTING_|DEMO_|PG[A-Z])/;

/** The environment for the demo's processes. Temporal is the user's server, if given, or ours. */
export function demoEnvironment({ temporal }: Servers, settings: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(
    ([name]) => !OURS.test(name) && !(temporal.embedded && name.startsWith('TEMPORAL_')),
  );
  const { address, namespace } = temporal;
  return {
    ...Object.fromEntries(others),
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    ...settings,
  };
}
