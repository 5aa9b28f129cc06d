import { Command } from 'commander';
import { countRunsOnHost } from '../db/count-runs-on-host.js';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { isRefusedHostGone } from './database-error.js';
import { CliError, messageOf } from './errors.js';
import { byOption } from './operator.js';
import { examples } from './output.js';

/** `job-reaper host-gone` */
export function hostGoneCommand(): Command {
  return new Command('host-gone')
    .description(
      'Declare every run that started on a host before now dead. Refused while a probe there answers',
    )
    .argument('<host>', 'exactly as the job rows have it')
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper host-gone builder-3'))
    .action(async (host: string, { by }: { by: string }) => {
      await withContext(async (context) => {
        try {
          await carryOut(context, { action: 'host-gone', host, by });
        } catch (error) {
          if (!(error instanceof CliError) || !isRefusedHostGone(error.cause)) throw error;
          throw new CliError(`Refused: ${messageOf(error.cause)}`);
        }
        const runs = await context.query((pool) => countRunsOnHost(pool, host));
        console.log(
          `Host ${host} is declared gone by ${by}; running there by their rows: ${runs}. ` +
            'They are reaped like any dead run, unless a probe there answers after all.',
        );
        if (runs === 0)
          console.error(`No running job names host "${host}": see that it is spelt as in the rows.`);
      });
    });
}
