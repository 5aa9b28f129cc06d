import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/** Terminates the workflows of one REAPER_NAME. */
export async function terminateAll(client: Client, name: string): Promise<void> {
  const query = `WorkflowId STARTS_WITH '${name}' AND ExecutionStatus = 'Running'`;
  // The reaper first, listed or not: it would start watches again.
  const open = [name];
  for await (const { workflowId } of client.workflow.list({ query })) open.push(workflowId);
  for (const workflowId of new Set(open)) {
    await client.workflow
      .getHandle(workflowId)
      .terminate('the test is over')
      .catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      });
  }
}
