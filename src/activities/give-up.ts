import { ApplicationFailure } from '@temporalio/activity';
import { isWorthRetrying } from '../db/worth-retrying.js';

/**
 * Runs work that uses Postgres. A lost connection is thrown as it is, so that Temporal retries. An error that Postgres answered with
 * would come again, so it is not retried.
 *
 * @throws ApplicationFailure of type `Refused`, not retryable, for an error that Postgres answered with
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
