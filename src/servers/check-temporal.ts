import { Connection, type ConnectionOptions } from '@temporalio/client';

/**
 * Checks that the frontend serves a namespace: it may accept connections before it can.
 *
 * @throws when it does not answer in time, or has no such namespace
 */
export async function checkTemporal(
  options: ConnectionOptions,
  namespace: string,
  timeoutS: number,
): Promise<void> {
  const connection = await Connection.connect({ ...options, connectTimeout: timeoutS * 1000 });
  try {
    await connection.withDeadline(Date.now() + timeoutS * 1000, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } finally {
    await connection.close();
  }
}
