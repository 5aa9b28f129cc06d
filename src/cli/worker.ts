import { Command } from 'commander';
import { readSettings } from '../config.js';
import { createLogger } from '../log.js';
import type { WorkerParts } from '../worker.js';
import { examples } from './output.js';
import { exitSoon, stopSignal } from './stop-signal.js';

/** `job-reaper worker` */
export function workerCommand(): Command {
  return new Command('worker')
    .description(
      'Run the long-running worker: workflows and the probe of this host. Ends on SIGTERM or SIGINT',
    )
    .option('--no-workflows', 'only the probe of this host: role reaper_probe is enough')
    .option('--no-probe', 'only workflows, for a host without launchers')
    .addHelpText(
      'after',
      examples('job-reaper worker', 'REAPER_HOST=builder-3 job-reaper worker --no-workflows'),
    )
    .action(async (parts: WorkerParts, command: Command) => {
      if (!parts.workflows && !parts.probe) {
        command.error('error: --no-workflows and --no-probe together leave nothing to run');
      }
      const settings = readSettings();
      const signal = stopSignal();
      // The native part of the SDK is loaded by this command alone.
      const { runWorker } = await import('../worker.js');
      try {
        await runWorker({ settings, parts, log: createLogger(), signal });
      } finally {
        exitSoon();
      }
    });
}
