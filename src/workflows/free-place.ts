import { getExternalWorkflowHandle, patched, workflowInfo } from '@temporalio/workflow';
import { placeFreeSignal } from './messages.js';

/**
 * Tells the reaper that this watch has claimed and needs its place no longer. Best effort: a reaper that does not hear it finds out when
 * the watch is over.
 */
export async function freePlace(): Promise<void> {
  const { parent, workflowId } = workflowInfo();
  if (!parent || !patched('frees-its-place')) return;
  try {
    await getExternalWorkflowHandle(parent.workflowId).signal(placeFreeSignal, { watchId: workflowId });
  } catch {
    // Nobody counts places where no reaper runs.
  }
}
