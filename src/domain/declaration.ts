import type { Liveness } from './liveness.js';

const HOST_GONE = 'host declared gone by ';

/** A process on a host that an operator declared gone, and whose probe does not answer. */
export function declaredGone(by: string): Liveness {
  return { state: 'dead', proven: false, cause: 'host-gone', evidence: `${HOST_GONE}${by}` };
}

/** A process in a boot or a pid namespace that an operator declared gone, in the words of `reaper.place_is_gone`. */
export function declaredPlaceGone(evidence: string): Liveness {
  const cause = evidence.startsWith('boot ') ? 'boot-gone' : 'host-gone';
  return { state: 'dead', proven: false, cause, evidence };
}

/** Whether a process is taken for dead because an operator declared it, and not because a probe found it dead. */
export function restsOnDeclaration(evidence: string, placeGone: string | null): boolean {
  return evidence.startsWith(HOST_GONE) || evidence === placeGone;
}
