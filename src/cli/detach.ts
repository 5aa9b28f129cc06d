import { Command } from 'commander';
import { readSettings, required } from '../config.js';
import { detach } from '../db/migrate.js';
import { describeMigration, expectAnswer, migrateTo } from './migrate.js';
import { examples, say } from './output.js';

/** `job-reaper detach` */
export function detachCommand(): Command {
  return new Command('detach')
    .description("Take view, trigger and index off the queue's tables before the queue's own migration")
    .addHelpText(
      'after',
      '\nUntil job-reaper attach, nothing is reaped. Workers of job-reaper and of the queue go on.\n' +
        examples('job-reaper detach', 'job-reaper attach'),
    )
    .action(async () => {
      const url = required(readSettings(), 'DATABASE_ADMIN_URL');
      await expectAnswer(url);
      const adapter = await detach(url);
      say(
        `Adapter ${adapter} is detached: nothing is reaped. Migrate the queue, then run job-reaper attach.`,
      );
    });
}

/** `job-reaper attach` */
export function attachCommand(): Command {
  return new Command('attach')
    .description('Put them back as they were installed; the same as job-reaper migrate')
    .addHelpText('after', examples('job-reaper attach'))
    .action(async () => {
      say(describeMigration(await migrateTo(required(readSettings(), 'DATABASE_ADMIN_URL'), null)));
    });
}
