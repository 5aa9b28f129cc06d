import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Names } from '../naming.js';
import { jobReaper } from '../workflows/index.js';
import { ensureSearchAttributes } from '../temporal/search-attributes.js';

/** What {@link ensureReaper} needs. */
export interface EnsureReaperOptions {
  client: Client;
  names: Names;
  /** False: watches carry no search attributes, so none are registered. */
  searchAttributes: boolean;
  /** The queue that its workflows run on. @default REAPER_NAME */
  taskQueue?: string;
}

/**
 * Makes sure that the reaper workflow runs: reaping is stopped by pausing, not by terminating it. Registers the search
 * attributes first. True if it had to be started.
 *
 * @throws if Temporal is away
 */
export async function ensureReaper(options: EnsureReaperOptions): Promise<boolean> {
  const { client, names, taskQueue = names.workflowQueue } = options;
  if (await isRunning(client, names.reaper)) return false;
  if (options.searchAttributes) await ensureSearchAttributes(client);
  await client.workflow.start(jobReaper, {
    workflowId: names.reaper,
    taskQueue,
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: 'The reaper: finds jobs that died while their table still marks them running',
    staticDetails:
      'Runs forever. To stop reaping, send the signal `pause`. If you terminate it, it is started again.',
  });
  return true;
}

async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
