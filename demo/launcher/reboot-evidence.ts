import type { ProcessStamp } from '../../src/domain/liveness.js';
import { probeProcess, type LivenessDriver } from '../../src/liveness/index.js';
import { parseStamp } from '../../src/liveness/stamp.js';

/** Proof that a process ended with an earlier boot of this very machine, in words; null for any other and in doubt. */
export function rebootEvidence(process: ProcessStamp, driver: LivenessDriver): string | null {
  const { state, evidence } = probeProcess(process, { sharedPidNamespace: false, driver });
  if (state !== 'dead') return null;
  const stamp = parseStamp(process.processIdentity ?? '');
  return stamp !== null && driver.locate(stamp).kind === 'ended' ? evidence : null;
}
