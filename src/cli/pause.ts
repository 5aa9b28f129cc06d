import { Command } from 'commander';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { byOption, reasonOption } from './operator.js';
import { examples } from './output.js';

/** `job-reaper pause` */
export function pauseCommand(): Command {
  return new Command('pause')
    .description('Claim nothing more until resume; holds as soon as it returns, also while Temporal is away')
    .addOption(reasonOption())
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper pause --reason "database maintenance until 6"'))
    .action(async ({ by, reason }: { by: string; reason: string }) => {
      await withContext((context) => carryOut(context, { action: 'pause', by, reason }));
      console.log(`Paused by ${by}: ${reason}. Nothing is claimed until job-reaper resume.`);
    });
}
