import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;

/** gRPC's status codes for requests that were not carried out. */
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;

/**
 * Sends an update to the reaper and waits for its result. Retries while the reaper continues as new, which the server reports in
 * four ways, and while the server is busy:
 *
 * - unavailable: the server has not accepted the update;
 * - "Workflow Task in failed state": it accepts none, because a continue-as-new that signals keep overtaking is in its third or a
 *   later attempt (Temporal 1.29, `service/history/api/updateworkflow`);
 * - "unexpected workflow task failure": the update arrived during such an attempt and was rolled back with it
 *   (`service/history/workflow/update`);
 * - `AcceptedUpdateCompletedWorkflow`: an execution accepted it and ended before it answered.
 *
 * - resource exhausted: a limit on requests or updates; Temporal's client retries that too, but gives up sooner.
 *
 * Retrying is safe: one execution carries out an update id once. If the next execution does it too, that is one more sweep, or one
 * more look at a run, which is claimed at most once.
 *
 * @param ask sends the update with this id
 * @param limitMs milliseconds after the first attempt in which it is retried
 * @throws what the client throws for any other failure, or after the limit
 */
export async function askUntilTaken<T>(ask: (updateId: string) => Promise<T>, limitMs = 30_000): Promise<T> {
  const startedMs = performance.now();
  const updateId = randomUUID();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    try {
      return await ask(updateId);
    } catch (error) {
      if (!isWorthRetrying(error) || performance.now() - startedMs + pauseMs > limitMs) throw error;
    }
    await setTimeout(pauseMs);
  }
}

/** The client reports it as the cause of its own error. */
function isWorthRetrying(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  const { code, message, type } = (cause ?? {}) as { code?: unknown; message?: unknown; type?: unknown };
  if (code === UNAVAILABLE || code === RESOURCE_EXHAUSTED || type === 'AcceptedUpdateCompletedWorkflow')
    return true;
  return code === FAILED_PRECONDITION && /workflow task (in failed state|failure)/i.test(String(message));
}
