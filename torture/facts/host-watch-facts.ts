import { runName } from '../../src/domain/run-name.js';
import type { HostLook, LookTarget } from '../../src/domain/host-look.js';
import type { HostWatchInput, HostWatchResult } from '../../src/workflows/host-watch-state.js';
import { decode } from './watch-facts.js';
import type { Event } from './workflow-trouble.js';

/** One execution of a host watch, from its history. */
export interface HostWatchStory {
  workflowId: string;
  firstExecutionRunId: string;
  /** By run, see {@link runName}: when its last looks found it dead one after another, in milliseconds by the database's clock. */
  deaths: Map<string, number[]>;
  /** Null when it did not complete. */
  result: HostWatchResult | null;
}

/** A host watch's story; null when the history is not that of a host watch. */
export function tellHostStory(workflowId: string, events: readonly Event[]): HostWatchStory | null {
  const started = events[0]?.workflowExecutionStartedEventAttributes;
  const [input] = decode<[HostWatchInput]>(started?.input?.payloads);
  if (started?.workflowType?.name !== 'watchHost' || input === undefined) return null;
  const story: HostWatchStory = {
    workflowId,
    firstExecutionRunId: started.firstExecutionRunId ?? '',
    deaths: new Map(),
    result: null,
  };
  /** What was known of runs before a probe could not tell: a declaration may tell more of them in the same look. */
  const untold = new Map<string, number[]>();
  const asked = new Map<number, { byProbe: boolean; target: LookTarget | undefined }>();
  for (const event of events) {
    const { activityTaskScheduledEventAttributes: activity, activityTaskCompletedEventAttributes: done } =
      event;
    const name = activity?.activityType?.name ?? '';
    if (name === 'lookAtHost' || name === 'lookAtDeclared') {
      const [, target] = decode<[unknown, LookTarget]>(activity?.input?.payloads);
      asked.set(Number(event.eventId), { byProbe: name === 'lookAtHost', target });
    }
    const look = done && asked.get(Number(done.scheduledEventId));
    const [found] = look ? decode<[HostLook]>(done.result?.payloads) : [];
    if (look && found) learn(story, untold, look.byProbe, look.target?.named ?? found.runs, found);
    const completed = event.workflowExecutionCompletedEventAttributes;
    if (completed) [story.result = null] = decode<[HostWatchResult]>(completed.result?.payloads);
  }
  return story;
}

function learn(
  { deaths }: HostWatchStory,
  untold: Map<string, number[]>,
  byProbe: boolean,
  runs: HostLook['runs'] | NonNullable<LookTarget['named']>,
  { kinds, seen, readMs }: HostLook,
): void {
  for (const [index, [jobId, runKey]] of runs.entries()) {
    const run = runName({ jobId, runKey });
    const state = kinds[seen[index] ?? -1]?.state;
    const before = byProbe ? deaths.get(run) : (untold.get(run) ?? deaths.get(run));
    untold.delete(run);
    if (state === 'dead') {
      deaths.set(run, [...(before ?? []), readMs]);
      continue;
    }
    deaths.delete(run);
    if (byProbe && state === 'unknown' && before) untold.set(run, before);
  }
}
