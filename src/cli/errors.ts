import { CommanderError } from 'commander';
import { messageOf } from '../domain/trouble.js';

export { messageOf } from '../domain/trouble.js';

/** A failure that an operator can understand and mend: its message is all that is shown. */
export class CliError extends Error {
  override name = 'CliError';
}

const FAILED = 1;
const MISUSED = 2;

/**
 * Tells the operator what went wrong, on standard error, without a stack unless DEBUG is set.
 *
 * @returns the exit code: 0 after `--help` or `--version`, 2 for a wrong use of the command line, else 1
 */
export function reportFailure(error: unknown): number {
  // Commander has printed its own message by then.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : MISUSED;
  console.error(messageOf(error));
  if (process.env['DEBUG']) console.error(error);
  return FAILED;
}
