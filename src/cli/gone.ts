import { Command } from 'commander';
import { countRunsOfBoot } from '../db/count-runs-of-boot.js';
import { countRunsOnHost } from '../db/count-runs-on-host.js';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { isRefusedGone } from './database-error.js';
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
    .option(
      '--replaced',
      'another machine or pod has its name by now: what had started before the pid 1 of the probe that answers, and has a ' +
        'stamp of another pid namespace, is dead',
    )
    .addOption(byOption())
    .addHelpText(
      'after',
      examples('job-reaper host-gone builder-3', 'job-reaper host-gone launcher-0 --replaced'),
    )
    .action(async (host: string, { by, replaced }: { by: string; replaced?: true }) => {
      await withContext(async (context) => {
        await refusable(() =>
          carryOut(context, { action: 'host-gone', host, by, ...(replaced && { replaced }) }),
        );
        const runs = await context.query((pool) => countRunsOnHost(pool, host));
        console.log(
          replaced
            ? `Host ${host} is declared replaced by ${by}; running there by their rows: ${runs}. Those from before it are ` +
                'reaped like any dead run, unless a probe of where they ran reports after all.'
            : `Host ${host} is declared gone by ${by}; running there by their rows: ${runs}. ` +
                'They are reaped like any dead run, unless a probe there answers after all.',
        );
        if (runs === 0)
          console.error(`No running job names host "${host}": see that it is spelt as in the rows.`);
      });
    });
}

/** `job-reaper boot-gone` */
export function bootGoneCommand(): Command {
  return new Command('boot-gone')
    .description(
      'Declare every run of a boot dead: for a machine that never returns. Refused while a probe of that boot reports',
    )
    .argument('<boot>', 'its boot id: the third field of the stamps, as job-reaper explain shows them')
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper boot-gone 1549cfe1-389a-48f0-86bd-df24e9729d85'))
    .action(async (boot: string, { by }: { by: string }) => {
      await withContext(async (context) => {
        await refusable(() => carryOut(context, { action: 'boot-gone', boot, by }));
        const runs = await context.query((pool) => countRunsOfBoot(pool, boot));
        console.log(
          `Boot ${boot} is declared gone by ${by}; running with its stamp: ${runs}. ` +
            'They are reaped like any dead run, unless a probe of that boot reports after all.',
        );
        if (runs === 0)
          console.error(
            `No running job has a stamp of boot "${boot}": see that it is spelt as in the stamps.`,
          );
      });
    });
}

/** Says what Postgres refused to declare gone, and why, rather than that Postgres had trouble. */
async function refusable<T>(declare: () => Promise<T>): Promise<T> {
  try {
    return await declare();
  } catch (error) {
    if (!(error instanceof CliError) || !isRefusedGone(error.cause)) throw error;
    throw new CliError(`Refused: ${messageOf(error.cause)}`);
  }
}
