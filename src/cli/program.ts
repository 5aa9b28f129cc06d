import { Command } from 'commander';
import { activateCommand, observeCommand, pauseCommand, resumeCommand } from './control.js';
import { attachCommand, detachCommand } from './detach.js';
import { doctorCommand } from './doctor.js';
import { explainCommand } from './explain.js';
import { bootGoneCommand, hostGoneCommand } from './gone.js';
import { healthCommand } from './health.js';
import { holdCommand, releaseCommand } from './hold.js';
import { identityCommand } from './identity.js';
import { ledgerCommand } from './ledger.js';
import { migrateCommand } from './migrate.js';
import { pruneCommand } from './prune.js';
import { reapCommand } from './reap.js';
import { reportCommand } from './report.js';
import { statusCommand } from './status.js';
import { sweepCommand } from './sweep.js';
import { upCommand } from './up.js';
import { workerCommand } from './worker.js';
import { fitWidth } from '../fit-width.js';
import { packageVersion } from '../paths.js';

/** The command `job-reaper` with all its subcommands. */
export function createProgram(): Command {
  const program = new Command('job-reaper')
    .description(
      'Finds jobs that died while their table still says they are running, and repairs them exactly once.',
    )
    .version(packageVersion)
    .showHelpAfterError('Use --help to see arguments and examples.')
    // Commander wraps its help, but not its errors and not what is added to the help.
    .configureOutput({
      writeOut: (text) => void process.stdout.write(fitWidth(text, process.stdout.columns)),
      writeErr: (text) => void process.stderr.write(fitWidth(text, process.stderr.columns)),
    })
    .exitOverride();

  const groups = {
    'Run:': [upCommand(), workerCommand(), migrateCommand(), detachCommand(), attachCommand()],
    'Inspect:': [
      statusCommand(),
      doctorCommand(),
      healthCommand(),
      explainCommand(),
      ledgerCommand(),
      reportCommand(),
      identityCommand(),
    ],
    'Operate:': [
      pauseCommand(),
      resumeCommand(),
      observeCommand(),
      activateCommand(),
      holdCommand(),
      releaseCommand(),
      sweepCommand(),
      reapCommand(),
      hostGoneCommand(),
      bootGoneCommand(),
      pruneCommand(),
    ],
  };
  for (const [group, commands] of Object.entries(groups)) {
    for (const command of commands) {
      program.addCommand(command.helpGroup(group).copyInheritedSettings(program));
    }
  }
  return program;
}
