import { setTimeout } from 'node:timers/promises';
import { createPool } from '../src/db/pool.js';
import { readLauncherSettings } from './launcher/settings.js';
import { startMonitor } from './launcher/start-monitor.js';
import { takeJob } from './launcher/take-job.js';
import { retry } from './launcher/retry.js';

/**
 * The reference launcher: takes queued jobs and starts a monitor for each. It writes nothing else, so nothing is lost when it dies: its
 * monitors and their agents keep running, and another launcher takes the queued jobs. Jobs that were running when its machine went down
 * are left to the reaper: only probes can know whether a boot is over.
 */
async function main(): Promise<void> {
  const settings = readLauncherSettings();
  const pool = createPool(settings.databaseUrl, { applicationName: 'launcher', max: 1 });
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.once('SIGINT', () => stop.abort());

  let busy = 0;
  while (!stop.signal.aborted) {
    const run = busy < settings.concurrency ? await retry('take a job', () => takeJob(pool, settings)) : null;
    if (run === null) {
      await setTimeout(settings.pollS * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
      continue;
    }
    busy += 1;
    const monitor = startMonitor(run);
    monitor.once('close', () => (busy -= 1));
    // The launcher may end before its monitors.
    monitor.unref();
  }
  await pool.end();
}

await main();
