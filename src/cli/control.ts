import { Command } from 'commander';
import { readControl } from '../db/control.js';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { describeControl } from '../explain/describe-control.js';
import { byOption, reasonOption } from './operator.js';
import { examples, say } from './output.js';

/** `job-reaper pause` */
export function pauseCommand(): Command {
  return new Command('pause')
    .description('Stop claiming until resume. In effect once the command returns, even if Temporal is down')
    .addOption(reasonOption())
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper pause --reason "database maintenance until 6"'))
    .action(async ({ by, reason }: { by: string; reason: string }) => {
      await withContext((context) => carryOut(context, { action: 'pause', by, reason }));
      say(`Paused by ${by}: ${reason}. Nothing is claimed until job-reaper resume.`);
    });
}

/** `job-reaper resume` */
export function resumeCommand(): Command {
  return switchCommand('resume', 'End a pause. The mode does not change', 'Resumed', ['job-reaper resume']);
}

/** `job-reaper observe` */
export function observeCommand(): Command {
  return switchCommand(
    'observe',
    'Dry run: record what would be reaped, and claim nothing',
    'Set to observe',
    ['job-reaper observe', 'job-reaper report --since 7d'],
  );
}

/** `job-reaper activate` */
export function activateCommand(): Command {
  return switchCommand('activate', 'End the dry run and reap. Does not end a pause', 'Set to active', [
    'job-reaper report --since 7d',
    'job-reaper activate',
  ]);
}

/** A command that prints afterwards whether anything is claimed: other switches may still prevent it. */
function switchCommand(
  action: 'resume' | 'observe' | 'activate',
  description: string,
  done: string,
  lines: string[],
): Command {
  return new Command(action)
    .description(description)
    .addOption(byOption())
    .addHelpText('after', examples(...lines))
    .action(async ({ by }: { by: string }) => {
      await withContext(async (context) => {
        await carryOut(context, { action, by });
        const control = await context.query(readControl);
        say(`${done} by ${by}. Now ${describeControl(control)}.`);
      });
    });
}
