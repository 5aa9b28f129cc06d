import type { WorkflowHandle } from '@temporalio/client';

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
/** An event of a workflow's history. */
export type Event = NonNullable<History['events']>[number];

/** The reason with which the harness terminates workflows. Any other termination is a violation. */
const OUR_TERMINATION = 'torture';

/**
 * Causes with which a workflow task fails in ordinary life (UNHANDLED_COMMAND, RESET_STICKY_TASK_QUEUE, FORCE_CLOSE_COMMAND
 * of a termination, UNHANDLED_UPDATE): the task is simply created again, with what came in between.
 */
const ORDINARY_CAUSES = [1, 13, 17, 31];

/** Attempts of one workflow task after which it counts as failing: a killed worker costs one or two. */
const FAILING_ATTEMPTS = 5;

/** The workflow task that an open execution waits for. */
export interface OpenTask {
  workflowId: string;
  runId: string;
  /** 0 when it waits for none. */
  attempt: number;
}

/** Workflow tasks that failed for a reason that killing a worker does not explain. */
export function failedTasks(events: readonly Event[]): string[] {
  return events.flatMap(({ workflowTaskFailedEventAttributes: failed }) => {
    if (!failed) return [];
    if (ORDINARY_CAUSES.includes(failed.cause ?? 0)) return [];
    return [`cause ${failed.cause ?? 'unknown'}: ${failed.failure?.message ?? ''}`];
  });
}

/**
 * How an execution ended, in words, if it must not end like that; null if it may.
 *
 * @param isReaper the reaper sweeps forever, so it must not complete either
 */
export function wrongEnd(events: readonly Event[], isReaper: boolean): string | null {
  const last = events.at(-1);
  const failed = last?.workflowExecutionFailedEventAttributes;
  const terminated = last?.workflowExecutionTerminatedEventAttributes;
  if (failed) return `failed: ${failed.failure?.message ?? ''}`;
  if (last?.workflowExecutionTimedOutEventAttributes) return 'timed out';
  if (last?.workflowExecutionCanceledEventAttributes) return 'was cancelled';
  if (terminated && terminated.reason !== OUR_TERMINATION)
    return `was terminated: ${terminated.reason ?? ''}`;
  if (isReaper && last?.workflowExecutionCompletedEventAttributes) return 'completed';
  return null;
}

/** Tasks that have been tried so often that no killed worker explains it, in words. */
export function failingTasks(open: readonly OpenTask[]): string[] {
  return open.filter(isFailing).map(inWords);
}

/**
 * Tasks that were already failing at an earlier look and have failed again since. While workers are killed and stopped, only these
 * certainly fail: a task that was unlucky waits before its next attempt, and looks the same meanwhile.
 *
 * @param before what was open at an earlier look
 */
export function stillFailingTasks(before: readonly OpenTask[], open: readonly OpenTask[]): string[] {
  const attempts = new Map(before.filter(isFailing).map(({ runId, attempt }) => [runId, attempt]));
  return open.filter(({ runId, attempt }) => attempt > (attempts.get(runId) ?? Infinity)).map(inWords);
}

function isFailing({ attempt }: OpenTask): boolean {
  return attempt >= FAILING_ATTEMPTS;
}

function inWords({ workflowId, attempt }: OpenTask): string {
  return `${workflowId}: attempt ${attempt} of one workflow task`;
}
