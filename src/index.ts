/**
 * What workers and operators' programs import from `job-reaper`. Launchers import from `job-reaper/launcher`. The workflows are in
 * `job-reaper/workflows`.
 *
 * @packageDocumentation
 */
export { createReaperWorker, type ReaperWorker, type ReaperWorkerOptions } from './library/reaper-worker.js';
export { createActivities, type ActivitiesOptions, type MountableActivities } from './library/activities.js';
export {
  ReaperClient,
  type HostGoneOptions,
  type LedgerOptions,
  type ReaperClientOptions,
  type ReapResult,
} from './library/reaper-client.js';
export type { Braked, OverBudgetDeath, Status } from './library/status.js';
export { payloadConverterPath, workflowsPath } from './worker/bundle.js';
export { readSettings, SettingsError, type Settings } from './config.js';
export { GateNotAsked, PipelineError, type Gate, type GateInput, type GateResult } from './gates/index.js';
export { SearchAttributesError } from './temporal/search-attributes.js';
export { StuckError } from './worker/stopping.js';
export type { Notifier } from './notify/notifier.js';
export type { NotifierMessage } from './notify/message.js';
export type { Logger, LogFields } from './log.js';
export type { WorkerParts } from './worker/context.js';
export type { TemporalTarget } from './temporal/read-target.js';
export type { LedgerEntry } from './db/ledger.js';
export type { GoneResult, HoldKind } from './domain/operation.js';
export type { Outcome, RunRef, Tier, Verdict } from './domain/types.js';
export type { Explanation, ExplanationSection } from './explain/explain.js';
export type { SweepSummary } from './workflows/messages.js';
