import type { DataConverter } from '@temporalio/common';
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Database } from '../db/database.js';
import type { Pools } from '../db/pools.js';
import type { HostReporter } from '../activities/host-reporter.js';
import type { LeaseActivities } from '../activities/leases.js';
import type { Settings } from '../config.js';
import type { Pipeline } from '../domain/pipeline.js';
import type { Gates } from '../gates/index.js';
import type { LivenessDriver } from '../liveness/index.js';
import type { Logger } from '../log.js';
import type { Names } from '../naming.js';
import type { Channel } from '../notify/channels.js';
import type { TemporalTarget } from '../temporal/read-target.js';
import type { ProcessMetrics } from '../metrics/process-metrics.js';
import type { Pulse } from './health.js';
import type { Reachability } from './reachability.js';
import type { Waits } from './stopping.js';

/** Which parts a worker runs. */
export interface WorkerParts {
  /** Workflows, and the activities that use Postgres as role `reaper`. */
  workflows: boolean;
  /** This host's probe; role `reaper_probe` is enough for it. */
  probe: boolean;
}

/** What the modules of one worker share. */
export interface WorkerContext {
  settings: Settings;
  parts: WorkerParts;
  log: Logger;
  target: TemporalTarget;
  /** What REAPER_PAYLOAD_CODEC names, or undefined: payloads are plain JSON. */
  dataConverter: DataConverter | undefined;
  /** Ends the worker. */
  signal: AbortSignal;
  names: Names;
  /** All connections, by what they are for. */
  pools: Pools;
  /** The one of `pools` for sweeps and operators' requests. */
  pool: Database;
  /** How this process looks at processes. */
  driver: LivenessDriver;
  /** Reports that this host's probe is up. */
  reporter: HostReporter;
  gates: Gates;
  /** Where notifications are sent. */
  channels: Channel[];
  pipeline: Pipeline;
  /** Null if this worker does no lease work. */
  leases: LeaseActivities | null;
  temporal: Reachability;
  postgres: Reachability;
  metrics: ProcessMetrics;
  /** What the worker waits for. */
  waits: Waits;
  /** Updated at every turn of the worker's loops. */
  pulse: Pulse;
  /** Null while there is no connection to Temporal. */
  link: TemporalLink | null;
}

/** The Temporal workers of this process, and their connection. */
export interface TemporalLink {
  connection: NativeConnection;
  workers: readonly Worker[];
}
