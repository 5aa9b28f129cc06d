import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** gRPC's status codes of what was not done. */
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;

/**
 * Asks the reaper for an update and waits for its answer. It is asked again when the reaper just continues as new, for which the
 * server has four words, and when the server is busy:
 *
 * - unavailable: it has not taken the update;
 * - "Workflow Task in failed state": it takes none, since a continue-as-new that signals keep overtaking is tried for the third
 *   time or more (Temporal 1.29, `service/history/api/updateworkflow`);
 * - "unexpected workflow task failure": the update came into such a try, and what became of it there was taken back
 *   (`service/history/workflow/update`);
 * - `AcceptedUpdateCompletedWorkflow`: an execution took it and ended before it answered.
 *
 * - resource exhausted: a limit on requests or updates; the client of Temporal tries that again too, but gives up sooner.
 *
 * Asking again is safe: one execution does an update of one id once, and what another one does in its stead is a sweep more, or
 * one more look at a run, which is claimed at most once.
 *
 * @param ask sends the update with this id
 * @param limitMs milliseconds after the first asking in which it is asked again
 * @throws what the client throws, once it is something else or the time is over
 */
export async function askUntilTaken<T>(ask: (updateId: string) => Promise<T>, limitMs = 30_000): Promise<T> {
  const startedMs = performance.now();
  const updateId = randomUUID();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await ask(updateId);
    } catch (error) {
      if (!isToBeAskedAgain(error) || performance.now() - startedMs + pauseMs > limitMs) throw error;
    }
    await setTimeout(pauseMs);
  }
}

/** Told by the client as the cause of its own error. */
function isToBeAskedAgain(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  const { code, message, type } = (cause ?? {}) as { code?: unknown; message?: unknown; type?: unknown };
  if (code === UNAVAILABLE || code === RESOURCE_EXHAUSTED || type === 'AcceptedUpdateCompletedWorkflow')
    return true;
  return code === FAILED_PRECONDITION && /workflow task (in failed state|failure)/i.test(String(message));
}
