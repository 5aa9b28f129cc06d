import type { Outcome } from '../../src/domain/types.js';
import type { Fate } from './fate.js';
import { Scene, type Stage } from './scene.js';

/** A fate and its scene. */
export interface Play {
  fate: Fate;
  scene: Scene;
  /** Why it could not happen. */
  error: string | null;
}

/** How a fate came out. */
export interface Result {
  fate: Fate;
  isTrue: boolean;
  seen: readonly string[];
  /** How the reaper ended its run; null if the run was left alone. */
  outcome: Outcome | null;
  /** Seconds from the deed to the reaper's claim, by the database's clock; null if nothing was reaped. */
  repairS: number | null;
}

/** Lets a fate happen, and waits until it looks as expected. Never throws. */
export async function play(fate: Fate, stage: Stage): Promise<Play> {
  const result: Play = { fate, scene: new Scene(fate.id, stage), error: null };
  try {
    await fate.happen(result.scene);
    await result.scene.until(() => look(result).isTrue);
    stage.board.tell(fate.id, 'as expected');
  } catch (error) {
    // At a timeout, the facts say more than the error.
    if (!stage.signal.aborted) result.error = error instanceof Error ? error.message : String(error);
  }
  return result;
}

/** How a fate looks now. */
export function look({ fate, scene, error }: Play): Result {
  const seen = [...scene.facts(), ...(fate.look?.(scene) ?? [])];
  if (error !== null) seen.push(error);
  const [claim] = scene.claims;
  const { deedMs } = scene;
  return {
    fate,
    seen,
    isTrue:
      seen.length === fate.expected.length && fate.expected.every((fact, index) => fact === seen[index]),
    outcome: claim?.outcome ?? null,
    repairS: claim === undefined || deedMs === null ? null : (claim.claimedMs - deedMs) / 1000,
  };
}
