/**
 * What launchers and workers of one's own use of job-reaper.
 *
 * @packageDocumentation
 */
export { processIdentity, probeProcess, type ProbeOptions } from './liveness/index.js';
export type { Liveness, LivenessState, ProcessStamp } from './domain/liveness.js';
export {
  acquireLease,
  LeaseFolder,
  reclaimLeases,
  releaseLease,
  renewLease,
  type AcquireOptions,
  type AcquireResult,
  type HeldLease,
  type ReclaimOptions,
  type RepoReport,
} from './leases/index.js';
export type { Lease, LeaseReclaim, LeaseRecordResult } from './domain/lease.js';
