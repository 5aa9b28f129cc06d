import { Command } from 'commander';
import { readSettings } from '../config.js';
import { createLogger } from '../log.js';
import type { WorkerParts } from '../worker.js';
import { examples } from './output.js';
import { exitSoon, stopSignal } from './stop-signal.js';

/** `job-reaper worker` */
export function workerCommand(): Command {
  return new Command('worker')
    .description('Run the worker: workflows and the probe of this host. Stops on SIGTERM or SIGINT')
    .option('--no-workflows', 'run only the probe of this host, for which role reaper_probe is enough')
    .option('--no-probe', 'run only workflows, for a host without launchers')
    .addHelpText(
      'after',
      examples('job-reaper worker', 'REAPER_HOST=builder-3 job-reaper worker --no-workflows'),
    )
    .action(async (parts: WorkerParts, command: Command) => {
      if (!parts.workflows && !parts.probe) {
        command.error('error: expected --no-workflows or --no-probe, got both: nothing is left to run');
      }
      const settings = readSettings();
      const signal = stopSignal();
      // Only this command loads the native part of the SDK.
      const { runWorker } = await import('../worker.js');
      try {
        await runWorker({ settings, parts, log: createLogger(), signal });
      } finally {
        exitSoon();
      }
    });
}
