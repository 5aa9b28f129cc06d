#!/usr/bin/env node
import { reportFailure } from './cli/errors.js';
import { createProgram } from './cli/program.js';

// A reader such as `head` may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error);
  // What hangs would keep the process.
  if ((error as Error).name === 'StuckError') process.exit();
}
