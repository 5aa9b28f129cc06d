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
  /** Where its workflows are served. @default REAPER_NAME */
  taskQueue?: string;
}

/**
 * Makes sure that the reaper workflow runs: to stop reaping is to pause, not to terminate. Registers the search attributes
 * first. True when it had to be started.
 *
 * @throws when Temporal is away
 */
export async function ensureReaper(options: EnsureReaperOptions): Promise<boolean> {
  const { client, names, taskQueue = names.workflowQueue } = options;
  if (await isRunning(client, names.reaper)) return false;
  if (options.searchAttributes) await ensureSearchAttributes(client);
  await client.workflow.start(jobReaper, {
    workflowId: names.reaper,
    taskQueue,
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: 'The reaper: finds jobs that died while their table still calls them running',
    staticDetails:
      'Sweeps for ever. To stop it, send the signal `pause`; once terminated it is started again.',
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
