import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { tsToMs } from '@temporalio/common/lib/time.js';
import type { RunObservation } from '../../src/activities/jobs.js';
import type { Claim, ClaimResult } from '../../src/db/claim.js';
import type { Liveness } from '../../src/domain/liveness.js';
import type { RunRef } from '../../src/domain/types.js';
import { readPoke } from '../../src/workflows/messages.js';
import type { WatchInput, WatchResult } from '../../src/workflows/watch-state.js';
import type { Event } from './workflow-trouble.js';

/** What a watch did, in the order in which it learned of it. `atMs` is the watch's own clock. */
export type WatchStep =
  | { kind: 'poke'; why: string; atMs: number }
  | { kind: 'row'; row: RunObservation | null; atMs: number }
  | { kind: 'probe'; liveness: Liveness | null; atMs: number }
  | { kind: 'claim'; claim: Omit<Claim, 'run'>; atMs: number }
  | { kind: 'claimed'; result: ClaimResult | null; atMs: number };

/** One execution of a watch, from its history. */
export interface WatchStory extends RunRef {
  workflowId: string;
  firstExecutionRunId: string;
  /** It began with what an execution before it had counted. */
  isContinued: boolean;
  steps: WatchStep[];
  /** Null when it did not complete. */
  result: WatchResult | null;
}

/** A watch's story; null when the history is not that of a watch. */
export function tellStory(workflowId: string, events: readonly Event[]): WatchStory | null {
  const started = events[0]?.workflowExecutionStartedEventAttributes;
  const [input] = decode<[WatchInput]>(started?.input?.payloads);
  if (!started || typeof input?.jobId !== 'string') return null;
  const story: WatchStory = {
    jobId: input.jobId,
    runKey: input.runKey,
    workflowId,
    firstExecutionRunId: started.firstExecutionRunId ?? '',
    isContinued: input.carried !== undefined,
    steps: input.poke ? [{ kind: 'poke', why: input.poke.why, atMs: 0 }] : [],
    result: null,
  };
  const clock = clockOf(events);
  const scheduled = new Map<number, { name: string }>();
  for (const event of events) {
    const id = Number(event.eventId);
    const atMs = clock(id);
    const activity = event.activityTaskScheduledEventAttributes;
    if (activity) {
      const name = activity.activityType?.name ?? '';
      scheduled.set(id, { name });
      if (name === 'claim') {
        const [, claim] = decode<[unknown, Omit<Claim, 'run'>]>(activity.input?.payloads);
        if (claim) story.steps.push({ kind: 'claim', claim, atMs });
      }
    }
    const signal = event.workflowExecutionSignaledEventAttributes;
    if (signal?.signalName === 'poke') {
      story.steps.push({ kind: 'poke', why: readPoke(decode(signal.input?.payloads)[0]).why, atMs });
    }
    const done = event.activityTaskCompletedEventAttributes;
    const ended =
      done ?? event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
    if (ended) {
      const name = scheduled.get(Number(ended.scheduledEventId))?.name ?? '';
      const [result = null] = done ? decode(done.result?.payloads) : [];
      story.steps.push(...stepOf(name, result, atMs));
    }
    const completed = event.workflowExecutionCompletedEventAttributes;
    if (completed) [story.result = null] = decode<[WatchResult]>(completed.result?.payloads);
  }
  return story;
}

function stepOf(name: string, result: unknown, atMs: number): WatchStep[] {
  switch (name) {
    case 'observeRun':
      return [{ kind: 'row', row: result as RunObservation | null, atMs }];
    case 'probeRun':
      return [{ kind: 'probe', liveness: result as Liveness | null, atMs }];
    case 'claim':
      return [{ kind: 'claimed', result: result as ClaimResult | null, atMs }];
    default:
      return [];
  }
}

/** The workflow's own time when it learned about an event: the start of its next completed task. */
function clockOf(events: readonly Event[]): (eventId: number) => number {
  const times = new Map(
    events.map((event) => [Number(event.eventId), event.eventTime ? tsToMs(event.eventTime) : 0]),
  );
  const tasks = events.flatMap(({ workflowTaskCompletedEventAttributes: task }) =>
    task ? [Number(task.startedEventId)] : [],
  );
  return (eventId) => {
    // An event that a task itself made is as old as that task.
    const task = tasks.find((started) => started > eventId) ?? tasks.at(-1) ?? eventId;
    return times.get(task) ?? 0;
  };
}

/** The values of payloads. */
export function decode<T extends unknown[] = unknown[]>(
  payloads: readonly Payload[] | null | undefined,
): Partial<T> {
  return (payloads ?? []).map((payload) =>
    defaultPayloadConverter.fromPayload<unknown>(payload),
  ) as Partial<T>;
}
