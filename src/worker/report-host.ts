import { lookBack } from '../activities/look-back.js';
import type { WorkerContext } from './context.js';
import { pause } from '../pause.js';

/** Milliseconds until the next report after one that failed. */
const RETRY_MS = 5_000;

/**
 * Reports this host once per interval, whether or not Temporal answers, and checks the processes of its reaped runs once more. Ends
 * with the signal. Never throws.
 */
export async function reportHostInTurn(
  {
    reporter,
    pools,
    settings,
    driver,
    log,
  }: Pick<WorkerContext, 'reporter' | 'pools' | 'settings' | 'driver' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  let isFailing = false;
  while (!signal.aborted) {
    let waitMs = RETRY_MS;
    try {
      const { intervalS } = await reporter.report();
      await lookBack({ pool: pools.probe, host: settings.REAPER_HOST, reporter, driver, log });
      waitMs = Math.max(1_000, intervalS * 1_000);
      if (isFailing) log.info('reporting this host works again');
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn(`reporting this host failed, retrying: ${(error as Error).message}`);
      isFailing = true;
    }
    await pause(waitMs, signal);
  }
  await reporter.leave();
}
