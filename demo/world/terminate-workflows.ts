import { Connection, WorkflowClient, WorkflowNotFoundError } from '@temporalio/client';
import { readTemporalTarget } from '../../src/temporal/read-target.js';

/** Terminates the demo's workflows on a Temporal server that outlives the demo. */
export async function terminateWorkflows(reaperName: string): Promise<void> {
  const { connectionOptions, namespace } = readTemporalTarget();
  const connection = await Connection.connect(connectionOptions);
  const client = new WorkflowClient({ connection, namespace });
  try {
    const query = `WorkflowId STARTS_WITH '${reaperName}/watch/' AND ExecutionStatus = 'Running'`;
    // The reaper first, because it would start watches again.
    const ids = [reaperName];
    for await (const { workflowId } of client.list({ query })) ids.push(workflowId);
    for (const id of ids) {
      await client
        .getHandle(id)
        .terminate('the demo is over')
        .catch((error: unknown) => {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        });
    }
  } finally {
    await connection.close();
  }
}
