import type { Client, WorkflowExecutionStatusName } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { expect } from 'vitest';

const { EVENT_TYPE_WORKFLOW_TASK_FAILED } = temporal.api.enums.v1.EventType;
const { WorkflowTaskFailedCause } = temporal.api.enums.v1;
const {
  WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
  WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
  WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED,
} = WorkflowTaskFailedCause;
const MADE_ANEW = [
  WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
  WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
];

/** Fails if a workflow is in another state than these, or one of its workflow tasks fails or has failed. */
export async function expectHealthy(
  client: Client,
  workflowId: string,
  states: WorkflowExecutionStatusName[] = ['RUNNING'],
): Promise<void> {
  const handle = client.workflow.getHandle(workflowId);
  const { raw, status } = await handle.describe();
  expect(states, workflowId).toContain(status.name);
  expect(raw.pendingWorkflowTask?.attempt ?? 1, `attempts at the workflow task of ${workflowId}`).toBe(1);
  expect(await failedTasks(client, workflowId)).toEqual([]);
}

/**
 * Why workflow tasks of a workflow's current execution have failed. Some are retried by the server itself: those that were running
 * when something, or too much, came in.
 */
export async function failedTasks(client: Client, workflowId: string): Promise<string[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ eventType, workflowTaskFailedEventAttributes: failed }) => {
    const cause = failed?.cause ?? WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED;
    if (eventType !== EVENT_TYPE_WORKFLOW_TASK_FAILED || MADE_ANEW.includes(cause)) return [];
    return [`${WorkflowTaskFailedCause[cause]}: ${failed?.failure?.message ?? ''}`];
  });
}
