#!/usr/bin/env node
import { reportFailure } from './cli/errors.js';
import { createProgram } from './cli/program.js';

// A reader such as `head` may close the pipe early.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error);
  // Whatever hangs would keep the process alive.
  if ((error as Error).name === 'StuckError') process.exit();
}
