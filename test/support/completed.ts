import type { WorkflowHandle } from '@temporalio/client';

/** How many activities of a type have completed in a workflow's current execution. */
export async function countCompleted(handle: WorkflowHandle, type: string): Promise<number> {
  const { events } = await handle.fetchHistory();
  const scheduled = new Set(
    (events ?? [])
      .filter(({ activityTaskScheduledEventAttributes: it }) => it?.activityType?.name === type)
      .map(({ eventId }) => String(eventId)),
  );
  return (events ?? []).filter(({ activityTaskCompletedEventAttributes: it }) =>
    scheduled.has(String(it?.scheduledEventId)),
  ).length;
}
