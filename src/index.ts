/**
 * What your own launchers and workers import from job-reaper. The workflows are in `job-reaper/workflows`.
 *
 * @packageDocumentation
 */
export { createReaperWorker, type ReaperWorker, type ReaperWorkerOptions } from './library/reaper-worker.js';
export { createActivities, type ActivitiesOptions, type MountableActivities } from './library/activities.js';
export { ReaperClient, type ReaperClientOptions } from './library/reaper-client.js';
export { payloadConverterPath, workflowsPath } from './worker/bundle.js';
export { readSettings, SettingsError, type Settings } from './config.js';
export { GateNotAsked, type Gate, type GateInput, type GateResult } from './gates/index.js';
export type { Notifier } from './notify/notifier.js';
export type { WebhookMessage as NotifierMessage } from './notify/message.js';
export type { Logger, LogFields } from './log.js';
export type { WorkerParts } from './worker/context.js';
export type { TemporalTarget } from './temporal/read-target.js';
export type { Status } from './domain/status.js';
export type { HoldKind } from './domain/operation.js';
export type { ReapAnswer, SweepSummary } from './workflows/messages.js';
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
