/**
 * What launchers, and the programs that they start, import from `job-reaper/launcher`: identity stamps and merge leases. It loads
 * only Node's own modules, so it costs a program next to nothing.
 *
 * @packageDocumentation
 */
import type { Liveness, ProcessStamp } from './domain/liveness.js';
import { processIdentity as identify } from './liveness/identity.js';
import { probeProcess as probe } from './liveness/probe.js';

// From their files, not from the folders' index files: launchers need not load how leases are reclaimed.
export { acquireLease, type AcquireOptions, type AcquireResult, type HeldLease } from './leases/acquire.js';
export { LeaseError } from './leases/lease-error.js';
export { releaseLease } from './leases/release.js';
export { renewLease } from './leases/renew.js';
export type { Lease } from './domain/lease.js';
export type { Liveness, LivenessState, ProcessStamp } from './domain/liveness.js';

/**
 * The identity stamp of a process, for a launcher to store beside its pid. Take it after the spawn and before
 * waiting for the child: until then no other process can get its pid.
 *
 * @returns null if no process has this pid or this platform cannot identify it; store no stamp then
 */
export function processIdentity(pid: number): string | null {
  return identify(pid);
}

/** Options of {@link probeProcess}. */
export interface ProbeOptions {
  /**
   * You declare that every launcher on this host shares this process's pid namespace: then a pid that is absent is dead even without
   * a stamp, as with REAPER_SHARED_PID_NAMESPACE.
   *
   * @default false
   * @example sharedPidNamespace: true
   */
  sharedPidNamespace?: boolean;
}

/**
 * Judges whether the process of a stamp is alive, as the probe on this host does. Only reads: the one signal it sends is 0. Never
 * throws: if anything fails, the result is `unknown` with the cause as evidence. So is a process of another boot: whether that boot
 * is over is recorded in Postgres, which this does not ask.
 */
export function probeProcess(
  stamp: ProcessStamp,
  { sharedPidNamespace = false }: ProbeOptions = {},
): Liveness {
  return probe(stamp, { sharedPidNamespace });
}
