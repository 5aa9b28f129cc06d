import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { RunRef } from '../domain/types.js';
import { hostWatchQuery, watchQuery } from '../workflows/messages.js';
import type { ExplainContext } from './context.js';
import { counted } from '../domain/wording.js';
import { describeTemporalError } from '../temporal/explain-error.js';
import type { HostWatchFacts, WatchFacts } from './facts.js';

/** Milliseconds that Temporal has for each of its two answers. */
const ANSWER_LIMIT_MS = 5_000;

/** Asks a run's watch what it is doing. Never throws. */
export async function askWatch(context: ExplainContext, ref: RunRef): Promise<WatchFacts> {
  const { WorkflowNotFoundError } = await import('@temporalio/client');
  const watchId = context.names.watchId(ref);
  let trouble: string[];
  try {
    const { status, raw } = await context.temporal(ANSWER_LIMIT_MS, (client) =>
      client.workflow.getHandle(watchId).describe(),
    );
    trouble = (raw.pendingActivities ?? []).flatMap(describeTrouble);
    if (status.name !== 'RUNNING') return { kind: 'closed', status: status.name.toLowerCase() };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'none' };
    return { kind: 'unreachable', why: describeTemporalError(error, ANSWER_LIMIT_MS) };
  }
  try {
    const state = await context.temporal(ANSWER_LIMIT_MS, (client) =>
      client.workflow.getHandle(watchId).query(watchQuery),
    );
    return { kind: 'open', state, trouble };
  } catch (error) {
    return { kind: 'silent', why: describeTemporalError(error, ANSWER_LIMIT_MS) };
  }
}

/** Asks the watch of the run's host, or of the runs without one. Null if none is open, or Temporal does not answer. Never throws. */
export async function askHostWatch(
  context: ExplainContext,
  host: string | null,
): Promise<HostWatchFacts | null> {
  const id = context.names.hostWatchId(host);
  try {
    const { status } = await context.temporal(ANSWER_LIMIT_MS, (client) =>
      client.workflow.getHandle(id).describe(),
    );
    if (status.name !== 'RUNNING') return null;
  } catch {
    return null;
  }
  try {
    const state = await context.temporal(ANSWER_LIMIT_MS, (client) =>
      client.workflow.getHandle(id).query(hostWatchQuery),
    );
    return { id, state };
  } catch {
    return { id, state: null };
  }
}

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

/** An activity that failed and is retried: a gate that cannot be asked, a server that is down. */
function describeTrouble({ activityType, attempt, lastFailure }: PendingActivity): string[] {
  if (!lastFailure) return [];
  return [
    `${activityType?.name ?? 'an activity'} has failed ${counted((attempt ?? 2) - 1, 'time')}; the last error: ${lastFailure.message ?? 'unknown'}`,
  ];
}
