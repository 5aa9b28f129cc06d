import { isGrpcServiceError, type WorkflowService } from '@temporalio/client';

/** When, by Temporal's clock, a worker ran the scan of a sweep. Unix milliseconds. */
export interface SweepScan {
  startedMs: number;
  completedMs: number;
}

/** So many events at the end of a history contain at least one whole sweep. */
const PAGE = 500;

/** gRPC status code. */
const NOT_FOUND = 5;

interface Timestamp {
  seconds?: unknown;
  nanos?: number | null;
}

/**
 * Finds in the reaper's history the scan of the last recorded sweep; null if there is none yet, or one is just being recorded.
 *
 * @throws if Temporal is away
 */
export async function readSweepScan(
  service: WorkflowService,
  namespace: string,
  workflowId: string,
): Promise<SweepScan | null> {
  const events = await readNewestEvents(service, namespace, workflowId);
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

/** The newest first; empty if there is no such workflow. */
async function readNewestEvents(service: WorkflowService, namespace: string, workflowId: string) {
  try {
    const { history } = await service.getWorkflowExecutionHistoryReverse({
      namespace,
      execution: { workflowId },
      maximumPageSize: PAGE,
    });
    return history?.events ?? [];
  } catch (error) {
    if (isGrpcServiceError(error) && (error.code as number) === NOT_FOUND) return [];
    throw error;
  }
}

function toMs(time: Timestamp | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1_000_000;
}
