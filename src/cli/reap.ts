import { Command } from 'commander';
import { REAP_LIMIT_MS } from '../temporal/limits.js';
import { reapNowUpdate } from '../workflows/messages.js';
import { askReaper } from './ask-reaper.js';
import { withContext } from './context.js';
import { CliError } from './errors.js';
import { examples, say } from './output.js';

/** `job-reaper reap` */
export function reapCommand(): Command {
  return new Command('reap')
    .description('Reap a dead job now, after one observation. Refused if it is alive or within its grace')
    .argument('<job>', 'the id of the job')
    .addHelpText('after', examples('job-reaper explain 4711', 'job-reaper reap 4711'))
    .action(async (job: string) => {
      await withContext(async (context) => {
        const answer = await askReaper(context, REAP_LIMIT_MS, (reaper, updateId) =>
          reaper.executeUpdate(reapNowUpdate, { updateId, args: [{ job_id: job }] }),
        );
        if (!answer.reaped) {
          throw new CliError(
            `Job ${job} was not reaped: ${withoutTime(answer.text)}. job-reaper explain ${job} shows why`,
          );
        }
        say(`Job ${job} was reaped: ${withoutTime(answer.text)}.`);
      });
    });
}

/** The answer can be the last line of the watch's story, which begins with its time: just now. */
function withoutTime(text: string): string {
  return text.replace(/^\d{4}-\S+Z /, '');
}
