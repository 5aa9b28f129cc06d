import type { WorkflowHandle } from '@temporalio/client';
import type { CliContext } from './context.js';
import { CliError, messageOf } from './errors.js';
import { describeTemporalError } from './temporal-error.js';

/** gRPC's status code of what was not done and may be tried again. */
const UNAVAILABLE = 14;
const ATTEMPTS = 5;

/**
 * Sends the reaper an update and waits for its answer.
 *
 * @param limitMs milliseconds until the answer is given up
 * @throws CliError when it refuses, does not run or does not answer
 */
export async function askReaper<T>(
  context: CliContext,
  limitMs: number,
  ask: (reaper: WorkflowHandle) => Promise<T>,
): Promise<T> {
  const { reaper } = context.names;
  const {
    ServiceError,
    WorkflowNotFoundError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
  } = await import('@temporalio/client');
  const isUntaken = (error: unknown) => error instanceof Error && codeOf(error.cause) === UNAVAILABLE;
  try {
    return await context.temporal(limitMs, async (client) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await ask(client.workflow.getHandle(reaper));
        } catch (error) {
          // The reaper just continued as new, and the server has not taken the update.
          if (attempt === ATTEMPTS || !isUntaken(error)) throw error;
        }
      }
    });
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw new CliError(messageOf(error.cause ?? error));
    if (error instanceof WorkflowNotFoundError) {
      throw new CliError(
        `Expected the reaper workflow "${reaper}" to run, got none: start a worker (job-reaper worker), which starts it`,
      );
    }
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
      throw new CliError(
        `Expected the reaper workflow "${reaper}" to answer within ${limitMs / 1000} s, got nothing: see that a worker runs (job-reaper status)`,
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

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}
