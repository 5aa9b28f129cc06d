import type { Liveness } from './liveness.js';

const HOST_GONE = 'host declared gone by ';

/** A process on a host that an operator declared gone, and whose probe does not answer. */
export function declaredGone(by: string): Liveness {
  return { state: 'dead', proven: false, evidence: `${HOST_GONE}${by}` };
}

/** Whether a process is taken for dead because an operator declared it, and not because a probe found it dead. */
export function restsOnDeclaration(evidence: string, placeGone: string | null): boolean {
  return evidence.startsWith(HOST_GONE) || evidence === placeGone;
}
