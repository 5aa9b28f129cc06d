import { setTimeout } from 'node:timers/promises';
import { createPool } from '../src/db/pool.js';
import { readLauncherSettings } from './launcher/settings.js';
import { startMonitor } from './launcher/start-monitor.js';
import { takeJob } from './launcher/take-job.js';
import { tryOn } from './launcher/try-on.js';

/**
 * The reference launcher: takes queued jobs and gives each a monitor. It writes nothing else, so nothing is lost when it dies: its
 * monitors and their agents go on, and another launcher takes what is queued. What was running when its machine went down is
 * the reaper's: only probes can tell whether a boot is over.
 */
async function main(): Promise<void> {
  const settings = readLauncherSettings();
  const pool = createPool(settings.databaseUrl, { applicationName: 'launcher', max: 1 });
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.once('SIGINT', () => stop.abort());

  let busy = 0;
  while (!stop.signal.aborted) {
    const run = busy < settings.concurrency ? await tryOn('take a job', () => takeJob(pool, settings)) : null;
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
