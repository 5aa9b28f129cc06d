import { ApplicationFailure } from '@temporalio/activity';
import { isWorthRetrying } from '../db/worth-retrying.js';

/**
 * Runs what talks to Postgres. A lost connection is thrown as it is, so that Temporal tries again; what Postgres answered it would
 * answer again.
 *
 * @throws ApplicationFailure of type `Refused`, not to be retried, for what Postgres answered
 */
export async function giveUpOnAnswer<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isWorthRetrying(error)) throw error;
    const { message, code = '' } = error as Error & { code?: string };
    throw ApplicationFailure.nonRetryable(`${message} (SQLSTATE ${code})`, 'Refused');
  }
}
