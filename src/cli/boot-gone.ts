import { Command } from 'commander';
import { countRunsOfBoot } from '../db/count-runs-of-boot.js';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { byOption } from './operator.js';
import { examples } from './output.js';
import { refusable } from './refusable.js';

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
