import { getExternalWorkflowHandle, patched, workflowInfo } from '@temporalio/workflow';
import type { TroubleKind } from '../domain/claim-trouble.js';
import { noteClaimTrouble } from './activity-proxies.js';
import { placeFreeSignal } from './messages.js';
import type { Step, Watch } from './watch-state.js';

/**
 * Gives up the run's place, so that others can be repaired meanwhile. The time of the retry is in Postgres, where sweeps read it.
 * Null if it cannot be written there, and in histories of previous versions.
 */
export async function giveUp(watch: Watch, kind: TroubleKind, why: string): Promise<Step | null> {
  if (!patched('gives-its-place-up')) return null;
  const { run } = watch;
  const facts = run && { pid: run.pid, processIdentity: run.processIdentity, exitCode: run.exitCode };
  try {
    const retry = await noteClaimTrouble(watch.input, { kind, why, facts });
    // The run is over, and only the ledger knows how it ended: a claim whose result was lost may have won.
    if (retry === null) return { kind: 'again' };
    const told = `not claimed, ${why}; next try at ${retry.retryAt.slice(0, 19)}Z`;
    watch.tell(`gave up: ${told}`);
    return { kind: 'give up', why: told };
  } catch {
    return null;
  }
}

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
