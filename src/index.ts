/**
 * What workers and operators' programs import from `job-reaper`. Launchers import from `job-reaper/launcher`. The workflows are in
 * `job-reaper/workflows`.
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
