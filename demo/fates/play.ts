import type { Outcome } from '../../src/domain/types.js';
import type { Fate } from './fate.js';
import { Scene, type Stage } from './scene.js';

/** A fate and its scene. */
export interface Play {
  fate: Fate;
  scene: Scene;
  /** Why it could not even happen. */
  error: string | null;
}

/** How a fate came out. */
export interface Result {
  fate: Fate;
  isTrue: boolean;
  seen: readonly string[];
  /** How the reaper ended its run; null where it was left alone. */
  outcome: Outcome | null;
  /** From the deed to the reaper's claim, by the database's clock; null where nothing was reaped. */
  repairS: number | null;
}

/** Lets a fate happen and waits until what is expected is there to see. Never throws. */
export async function play(fate: Fate, stage: Stage): Promise<Play> {
  const result: Play = { fate, scene: new Scene(fate.id, stage), error: null };
  try {
    await fate.happen(result.scene);
    await result.scene.until(() => look(result).isTrue);
    stage.board.tell(fate.id, 'as expected');
  } catch (error) {
    // When the time is over, what is seen says more than that.
    if (!stage.signal.aborted) result.error = error instanceof Error ? error.message : String(error);
  }
  return result;
}

/** What there is to see of a fate now. */
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
