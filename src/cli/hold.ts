import { Argument, Command, Option } from 'commander';
import { listHolds } from '../db/holds.js';
import type { HoldKind } from '../domain/operation.js';
import { carryOut } from './carry-out.js';
import { withContext } from './context.js';
import { parseDuration } from './duration.js';
import { CliError } from './errors.js';
import { byOption, reasonOption } from './operator.js';
import { formatTime } from '../domain/wording.js';
import { examples, say } from './output.js';

const HOUR_S = 3600;

/** What a hold can apply to. */
function holdKindArgument(): Argument {
  return new Argument('<kind>', 'what to hold').choices(['job', 'agent', 'repo', 'host']);
}

interface HoldOptions {
  for: number;
  by: string;
  reason: string;
}

/** `job-reaper hold` */
export function holdCommand(): Command {
  return new Command('hold')
    .description('Leave the runs of a job, agent, repo or host alone for a while, whatever happens to them')
    .addArgument(holdKindArgument())
    .argument('<value>', 'its id or name, exactly as in the job rows')
    .addOption(
      new Option('--for <duration>', 'how long, such as 1h30m; at most 365d')
        .argParser(parseDuration)
        .default(HOUR_S, '1h'),
    )
    .addOption(reasonOption())
    .addOption(byOption())
    .addHelpText(
      'after',
      examples(
        'job-reaper hold job 4711 --for 30m --reason "debugging it"',
        'job-reaper hold host builder-3 --for 2d',
      ),
    )
    .action(async (kind: HoldKind, value: string, { for: seconds, by, reason }: HoldOptions) => {
      await withContext(async (context) => {
        await carryOut(context, { action: 'hold', kind, value, reason, seconds, by });
        const holds = await context.query(listHolds);
        const hold = holds.find((each) => each.kind === kind && each.value === value);
        const until = hold ? ` until ${formatTime(hold.until)}` : '';
        say(`Held ${kind} ${value}${until} by ${by}: ${reason}.`);
      });
    });
}

/** `job-reaper release` */
export function releaseCommand(): Command {
  return new Command('release')
    .description('End a hold early')
    .addArgument(holdKindArgument())
    .argument('<value>', 'its id or name, exactly as in the hold')
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper release job 4711'))
    .action(async (kind: HoldKind, value: string, { by }: { by: string }) => {
      await withContext(async (context) => {
        if (!(await carryOut(context, { action: 'release', kind, value, by }))) {
          throw new CliError(
            `Expected a hold on ${kind} "${value}", got none: job-reaper status lists all holds`,
          );
        }
        say(`Released ${kind} ${value}.`);
      });
    });
}
