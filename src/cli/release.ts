import { Command } from 'commander';
import type { HoldKind } from '../domain/operation.js';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { CliError } from './errors.js';
import { holdKindArgument } from './hold.js';
import { byOption } from './operator.js';
import { examples } from './output.js';

/** `job-reaper release` */
export function releaseCommand(): Command {
  return new Command('release')
    .description('End a hold before its time')
    .addArgument(holdKindArgument())
    .argument('<value>', 'exactly as the hold has it')
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper release job 4711'))
    .action(async (kind: HoldKind, value: string, { by }: { by: string }) => {
      await withContext(async (context) => {
        if (!(await carryOut(context, { action: 'release', kind, value, by }))) {
          throw new CliError(
            `Expected a hold on ${kind} "${value}", got none: job-reaper status lists those there are`,
          );
        }
        console.log(`Released ${kind} ${value}.`);
      });
    });
}
