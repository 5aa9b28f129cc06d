import type { WorkflowService } from '@temporalio/client';

/** When, by Temporal's clock, a worker had the scan of a sweep in hand. Unix milliseconds. */
export interface SweepScan {
  startedMs: number;
  completedMs: number;
}

/** Events from the end of a history that hold at least one whole sweep. */
const PAGE = 500;

interface Timestamp {
  seconds?: unknown;
  nanos?: number | null;
}

/**
 * Finds in the reaper's history the scan of the sweep that was recorded last, or null: none yet, or one is just being recorded.
 *
 * @throws when Temporal is away or there is no such workflow
 */
export async function readSweepScan(
  service: WorkflowService,
  namespace: string,
  workflowId: string,
): Promise<SweepScan | null> {
  const { history } = await service.getWorkflowExecutionHistoryReverse({
    namespace,
    execution: { workflowId },
    maximumPageSize: PAGE,
  });
  // The newest first.
  const events = history?.events ?? [];
  const byId = new Map(events.map((event) => [Number(event.eventId), event]));
  const typeOf = (scheduledId: unknown) =>
    byId.get(Number(scheduledId))?.activityTaskScheduledEventAttributes?.activityType?.name;
  const record = events.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'recordSweep',
  );
  const isRecorded = events.some(
    ({ activityTaskCompletedEventAttributes: completed }) =>
      completed != null && record != null && Number(completed.scheduledEventId) === Number(record.eventId),
  );
  if (record === undefined || !isRecorded) return null;
  const scan = events.find(
    (event) =>
      Number(event.eventId) < Number(record.eventId) &&
      typeOf(event.activityTaskCompletedEventAttributes?.scheduledEventId) === 'scan',
  );
  const started = byId.get(Number(scan?.activityTaskCompletedEventAttributes?.startedEventId));
  if (scan === undefined || started === undefined) return null;
  return { startedMs: toMs(started.eventTime), completedMs: toMs(scan.eventTime) };
}

function toMs(time: Timestamp | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1_000_000;
}
