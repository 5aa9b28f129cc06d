import { Command } from 'commander';
import { SWEEP_LIMIT_MS } from '../temporal/limits.js';
import { sweepNowUpdate } from '../workflows/messages.js';
import { askReaper } from './ask-reaper.js';
import { withContext } from './context.js';
import { describeSweep } from '../explain/describe-sweep.js';
import { CliError } from './errors.js';
import { examples, printJson, say } from './output.js';

/** `job-reaper sweep` */
export function sweepCommand(): Command {
  return new Command('sweep')
    .description('Sweep now and wait for the result; dead pids still need their consecutive observations')
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', examples('job-reaper sweep', 'job-reaper sweep --json'))
    .action(async ({ json }: { json?: true }) => {
      await withContext(async (context) => {
        const summary = await askReaper(context, SWEEP_LIMIT_MS, (reaper, updateId) =>
          reaper.executeUpdate(sweepNowUpdate, { updateId }),
        );
        if (json) printJson(summary);
        else if (summary.error === null) say(`Sweep ${describeSweep(summary)}.`);
        if (summary.error !== null) {
          throw new CliError(
            `Expected sweep no. ${summary.number} to succeed, got "${summary.error}": see the worker's log`,
          );
        }
      });
    });
}
