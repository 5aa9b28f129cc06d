import { Sentinel } from '../sentinel/sentinel.js';
import type { WorkerContext } from './context.js';
import { tellReaper } from './tell-reaper.js';

/** Runs this host's sentinel until the signal, unless it is off. Never throws. */
export async function runSentinel(context: WorkerContext, signal: AbortSignal): Promise<void> {
  const { settings, pools, driver, reporter, log, metrics } = context;
  if (!settings.REAPER_SENTINEL) return;
  const sentinel = new Sentinel({
    pool: pools.probe,
    host: settings.REAPER_HOST,
    sharedPidNamespace: settings.REAPER_SHARED_PID_NAMESPACE,
    driver,
    reporter,
    log,
    metrics,
    tell: () => tellReaper(context, signal),
  });
  await sentinel.run(signal);
}
