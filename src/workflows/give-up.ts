import { patched } from '@temporalio/workflow';
import type { TroubleKind } from '../domain/claim-trouble.js';
import { noteClaimTrouble } from './activity-proxies.js';
import type { Watch } from './watch-state.js';

/** The run cannot be claimed now: a later sweep wakes its watch, or starts another. */
export interface GivenUp {
  kind: 'give up';
  why: string;
}

/**
 * Gives up the run's place, so that others can be repaired meanwhile. The time of the retry is in Postgres, where sweeps read it.
 * Null if it cannot be written there, and in histories of previous versions.
 */
export async function giveUp(
  watch: Watch,
  kind: TroubleKind,
  why: string,
): Promise<GivenUp | { kind: 'again' } | null> {
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
