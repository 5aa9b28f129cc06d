import { getExternalWorkflowHandle, patched, workflowInfo } from '@temporalio/workflow';
import { placeFreeSignal } from './messages.js';

/**
 * Tells the reaper that this watch has claimed and no longer needs its place. Best effort: a reaper that misses it finds out when the
 * watch is over.
 */
export async function freePlace(): Promise<void> {
  const { parent, workflowId } = workflowInfo();
  if (!parent || !patched('frees-its-place')) return;
  try {
    await getExternalWorkflowHandle(parent.workflowId).signal(placeFreeSignal, { watchId: workflowId });
  } catch {
    // If no reaper runs, nobody counts places.
  }
}
