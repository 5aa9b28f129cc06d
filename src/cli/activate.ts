import { Command } from 'commander';
import { readControl } from '../db/control.js';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { describeControl } from './describe-control.js';
import { byOption } from './operator.js';
import { examples } from './output.js';

/** `job-reaper activate` */
export function activateCommand(): Command {
  return new Command('activate')
    .description('End the dry run: reap. A pause stays as it is')
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper report --since 7d', 'job-reaper activate'))
    .action(async ({ by }: { by: string }) => {
      await withContext(async (context) => {
        await carryOut(context, { action: 'activate', by });
        const control = await context.query(readControl);
        console.log(`Set to active by ${by}. Now ${describeControl(control)}.`);
      });
    });
}
