import { CommanderError } from 'commander';
import { messageOf } from '../domain/trouble.js';
import { complain } from './output.js';

export { messageOf } from '../domain/trouble.js';

/** An error that an operator can understand and fix: only its message is shown. */
export class CliError extends Error {
  override name = 'CliError';
}

const FAILED = 1;
const MISUSED = 2;

/**
 * Prints an error to standard error, without a stack unless DEBUG is set.
 *
 * @returns the exit code: 0 after `--help` or `--version`, 2 for wrong command line usage, else 1
 */
export function reportFailure(error: unknown): number {
  // Commander has already printed its own message.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : MISUSED;
  complain(messageOf(error));
  if (process.env['DEBUG']) console.error(error);
  return FAILED;
}
