import type { WorkflowHandle } from '@temporalio/client';
import type { CliContext } from './context.js';
import { CliError, messageOf } from './errors.js';
import { describeTemporalError } from '../temporal/explain-error.js';

/**
 * Sends the reaper an update and waits for its answer.
 *
 * @param limitMs how many milliseconds to wait for the answer
 * @throws CliError when it refuses, is not running or does not answer
 */
export async function askReaper<T>(
  context: CliContext,
  limitMs: number,
  ask: (reaper: WorkflowHandle, updateId: string) => Promise<T>,
): Promise<T> {
  const { reaper } = context.names;
  const {
    ServiceError,
    WorkflowNotFoundError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
  } = await import('@temporalio/client');
  const { askUntilTaken } = await import('../temporal/ask-until-taken.js');
  try {
    return await context.temporal(limitMs, (client) =>
      askUntilTaken((updateId) => ask(client.workflow.getHandle(reaper), updateId), limitMs),
    );
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw new CliError(messageOf(error.cause ?? error));
    if (error instanceof WorkflowNotFoundError) {
      throw new CliError(
        `Expected the reaper workflow "${reaper}" to be running, got none: start a worker (job-reaper worker), which starts it`,
      );
    }
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
      throw new CliError(
        `Expected the reaper workflow "${reaper}" to answer within ${limitMs / 1000} s, got nothing: check that a worker is running (job-reaper status)`,
      );
    }
    if (error instanceof ServiceError) {
      const got = describeTemporalError(error, limitMs);
      throw new CliError(`Expected the reaper workflow "${reaper}" to answer, got "${got}"`, {
        cause: error,
      });
    }
    throw error;
  }
}
