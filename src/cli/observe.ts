import { Command } from 'commander';
import { readControl } from '../db/control.js';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { describeControl } from './describe-control.js';
import { byOption } from './operator.js';
import { examples } from './output.js';

/** `job-reaper observe` */
export function observeCommand(): Command {
  return new Command('observe')
    .description('Dry run: record what would be reaped, and claim nothing')
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper observe', 'job-reaper report --since 7d'))
    .action(async ({ by }: { by: string }) => {
      await withContext(async (context) => {
        await carryOut(context, { action: 'observe', by });
        const control = await context.query(readControl);
        console.log(`Set to observe by ${by}. Now ${describeControl(control)}.`);
      });
    });
}
