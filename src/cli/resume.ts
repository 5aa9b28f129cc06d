import { Command } from 'commander';
import { readControl } from '../db/control.js';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { describeControl } from './describe-control.js';
import { byOption } from './operator.js';
import { examples } from './output.js';

/** `job-reaper resume` */
export function resumeCommand(): Command {
  return new Command('resume')
    .description('End a pause; the mode stays as it is')
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper resume'))
    .action(async ({ by }: { by: string }) => {
      await withContext(async (context) => {
        await carryOut(context, { action: 'resume', by });
        const control = await context.query(readControl);
        console.log(`Resumed by ${by}. Now ${describeControl(control)}.`);
      });
    });
}
