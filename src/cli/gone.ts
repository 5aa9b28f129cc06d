import { Command } from 'commander';
import { declareGone } from '../db/declare-gone.js';
import type { GoneOperation } from '../domain/operation.js';
import { signalReaper } from './carry-out.js';
import { withContext, type CliContext } from './context.js';
import { CliError } from './errors.js';
import { byOption } from './operator.js';
import { complain, examples, say } from './output.js';

/** `job-reaper host-gone` */
export function hostGoneCommand(): Command {
  return new Command('host-gone')
    .description(
      'Declare a host gone: every run that started there before now is dead. Refused while a probe there answers',
    )
    .argument('<host>', 'the name of the host, exactly as in the job rows')
    .option(
      '--replaced',
      'another machine or pod has this name now: runs that started before pid 1 of the answering probe, and have a stamp of ' +
        'another pid namespace, are dead',
    )
    .addOption(byOption())
    .addHelpText(
      'after',
      examples('job-reaper host-gone builder-3', 'job-reaper host-gone launcher-0 --replaced'),
    )
    .action(async (host: string, { by, replaced }: { by: string; replaced?: true }) => {
      await withContext(async (context) => {
        const runs = await declare(context, {
          action: 'host-gone',
          host,
          by,
          ...(replaced && { replaced }),
        });
        say(
          replaced
            ? `${by} declared host ${host} replaced. Runs marked running there: ${runs}. Those from before the replacement are ` +
                'reaped like any dead run, unless a probe from where they ran reports after all.'
            : `${by} declared host ${host} gone. Runs marked running there: ${runs}. ` +
                'They are reaped like any dead run, unless a probe there answers after all.',
        );
        if (runs === 0)
          complain(`No running job names host "${host}": check that it is spelled as in the rows.`);
      });
    });
}

/** `job-reaper boot-gone` */
export function bootGoneCommand(): Command {
  return new Command('boot-gone')
    .description(
      'Declare a boot gone, for a machine that will never return: all its runs are dead. Refused while a probe of it reports',
    )
    .argument('<boot>', 'the boot id: the third field of an identity stamp')
    .addOption(byOption())
    .addHelpText('after', examples('job-reaper boot-gone 1549cfe1-389a-48f0-86bd-df24e9729d85'))
    .action(async (boot: string, { by }: { by: string }) => {
      await withContext(async (context) => {
        const runs = await declare(context, { action: 'boot-gone', boot, by });
        say(
          `${by} declared boot ${boot} gone. Running jobs with a stamp of it: ${runs}. ` +
            'They are reaped like any dead run, unless a probe of that boot reports after all.',
        );
        if (runs === 0)
          complain(
            `No running job has a stamp of boot "${boot}": check that it is spelled as in the stamps.`,
          );
      });
    });
}

/**
 * Makes the declaration, then has the reaper sweep.
 *
 * @returns how many runs are marked running there
 * @throws CliError if Postgres refuses it
 */
async function declare(context: CliContext, operation: GoneOperation): Promise<number> {
  const result = await context.query((pool) => declareGone(pool, operation));
  if (!result.declared) throw new CliError(`Refused: ${result.why}`);
  await signalReaper(context, operation);
  return result.runs;
}
