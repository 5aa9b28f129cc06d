import { getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import { reapAnsweredSignal } from './messages.js';
import type { Watch, WatchResult } from './watch-state.js';

/** Tells the reaper what became of an operator's `reap`: how the watch ends, or why it does not. */
export async function answerReap(result: WatchResult | null, watch: Watch): Promise<void> {
  const parent = workflowInfo().parent;
  if (!parent) return;
  const reaped = result !== null && ['done', 'queued', 'failed'].includes(result.outcome);
  const text = result ? `${result.outcome} (${result.reason})` : (watch.state().story.at(-1) ?? '');
  try {
    const reaper = getExternalWorkflowHandle(parent.workflowId);
    await reaper.signal(reapAnsweredSignal, { watchId: workflowInfo().workflowId, reaped, text });
  } catch {
    // The reaper that asked is gone. Its update has failed, so whoever waited knows.
  }
}
