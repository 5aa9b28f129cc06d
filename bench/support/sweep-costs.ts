import type { WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { tsToMs } from '@temporalio/common/lib/time.js';

/** A workflow's history, as fetched by the client. */
export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type Event = NonNullable<History['events']>[number];

/** The cost of one sweep without work, from the reaper's history. */
export interface SweepCost {
  /** History events. */
  events: number;
  /** Bytes of history, as counted by the server. */
  bytes: number;
  /** Temporal actions: timers, attempts of activities, children, signals to others. */
  actions: number;
  /** Milliseconds from the timer to the end of the last activity. */
  ms: number;
  /** Milliseconds that each activity ran, by its name. */
  activityMs: Record<string, number>;
  /** Whether the host's examination reached the end of its rows. */
  sawAllRuns: boolean;
}

/**
 * Splits a reaper's history into sweeps, each from its timer to the next one. Leaves out the first sweep, which has no timer,
 * and the last ones, whose end is not in the history yet.
 */
export function readSweepCosts({ events }: History): SweepCost[] {
  const sweeps: Event[][] = [];
  for (const event of events ?? []) {
    if (event.timerStartedEventAttributes) sweeps.push([]);
    sweeps.at(-1)?.push(event);
  }
  return sweeps.slice(0, -1).flatMap((sweep, index) => {
    const nextSize = sizeAt(sweeps[index + 1] ?? []);
    return nextSize === null ? [] : [costOf(sweep, nextSize)];
  });
}

function costOf(sweep: readonly Event[], nextSize: number): SweepCost {
  const scheduled = new Map(sweep.map((event) => [Number(event.eventId), event]));
  const activityMs: Record<string, number> = {};
  let sawAllRuns = false;
  let retries = 0;
  for (const event of sweep) {
    retries += Math.max(0, (event.activityTaskStartedEventAttributes?.attempt ?? 1) - 1);
    const completed = event.activityTaskCompletedEventAttributes;
    if (!completed) continue;
    const of = scheduled.get(Number(completed.scheduledEventId))?.activityTaskScheduledEventAttributes;
    const name = of?.activityType?.name ?? '';
    activityMs[name] = timeOf(event) - timeOf(scheduled.get(Number(completed.startedEventId)));
    const [result] = completed.result?.payloads ?? [];
    if (name !== 'examineHost' || !result) continue;
    sawAllRuns = defaultPayloadConverter.fromPayload<{ next: unknown }>(result).next === null;
  }
  const fired = sweep.find((event) => event.timerFiredEventAttributes);
  const last = sweep.findLast((event) => event.activityTaskCompletedEventAttributes);
  return {
    events: sweep.length,
    bytes: nextSize - (sizeAt(sweep) ?? NaN),
    actions: sweep.filter(isAction).length + retries,
    ms: timeOf(last) - timeOf(fired),
    activityMs,
    sawAllRuns,
  };
}

/** The size of the history when the server delivered the first task of a sweep. */
function sizeAt(sweep: readonly Event[]): number | null {
  const [first] = sweep.flatMap((event) => event.workflowTaskStartedEventAttributes ?? []);
  return first ? Number(String(first.historySizeBytes)) : null;
}

/** Whether an event of a history stands for a Temporal action: timers, attempts of activities, children, signals to others. */
export function isAction(event: Event): boolean {
  return Boolean(
    event.timerStartedEventAttributes ??
    event.activityTaskScheduledEventAttributes ??
    event.startChildWorkflowExecutionInitiatedEventAttributes ??
    event.signalExternalWorkflowExecutionInitiatedEventAttributes,
  );
}

function timeOf(event: Event | undefined): number {
  return event?.eventTime ? tsToMs(event.eventTime) : NaN;
}
