import type { Client } from '@temporalio/client';

/** `temporal.api.enums.v1.TaskQueueType`. */
export const QUEUE_TYPE = { workflow: 1, activity: 2 } as const;

/** Milliseconds after its last poll until a worker no longer counts: a poll lasts a minute. */
const SILENT_MS = 90_000;

/** Whether a worker polls a queue. The server remembers former pollers for some minutes longer. */
export async function polls(
  client: Client,
  namespace: string,
  queue: string,
  taskQueueType: (typeof QUEUE_TYPE)[keyof typeof QUEUE_TYPE],
): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: queue },
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum is in a package that is not ours to import
    taskQueueType,
  });
  return pollers.some(
    ({ lastAccessTime }) => Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < SILENT_MS,
  );
}
