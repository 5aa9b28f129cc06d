#!/usr/bin/env node
import { Command } from 'commander';
import { activateCommand } from './cli/activate.js';
import { reportFailure } from './cli/errors.js';
import { doctorCommand } from './cli/doctor.js';
import { explainCommand } from './cli/explain.js';
import { holdCommand } from './cli/hold.js';
import { hostGoneCommand } from './cli/host-gone.js';
import { identityCommand } from './cli/identity.js';
import { ledgerCommand } from './cli/ledger.js';
import { migrateCommand } from './cli/migrate.js';
import { observeCommand } from './cli/observe.js';
import { pauseCommand } from './cli/pause.js';
import { pruneCommand } from './cli/prune.js';
import { reapCommand } from './cli/reap.js';
import { releaseCommand } from './cli/release.js';
import { reportCommand } from './cli/report.js';
import { resumeCommand } from './cli/resume.js';
import { statusCommand } from './cli/status.js';
import { sweepCommand } from './cli/sweep.js';
import { upCommand } from './cli/up.js';
import { workerCommand } from './cli/worker.js';
import { packageVersion } from './paths.js';

const program = new Command('job-reaper')
  .description(
    'Finds jobs that died while their table still calls them running, and repairs them exactly once.',
  )
  .version(packageVersion)
  .showHelpAfterError('Add --help for the arguments and examples.')
  .exitOverride();

const groups = {
  'Run it:': [upCommand(), workerCommand(), migrateCommand()],
  'Look:': [
    statusCommand(),
    doctorCommand(),
    explainCommand(),
    ledgerCommand(),
    reportCommand(),
    identityCommand(),
  ],
  'Act:': [
    pauseCommand(),
    resumeCommand(),
    observeCommand(),
    activateCommand(),
    holdCommand(),
    releaseCommand(),
    sweepCommand(),
    reapCommand(),
    hostGoneCommand(),
    pruneCommand(),
  ],
};
for (const [group, commands] of Object.entries(groups)) {
  for (const command of commands) {
    program.addCommand(command.helpGroup(group).copyInheritedSettings(program));
  }
}

// A reader such as `head` may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error);
}
