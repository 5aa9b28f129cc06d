import { isSecret, required, type Settings } from './config.js';
import { createPool } from './db/pool.js';
import { readStatus } from './db/status.js';
import { createGates, loadPipeline } from './gates/index.js';
import { selectDriver } from './liveness/index.js';
import type { Logger } from './log.js';
import { Names } from './naming.js';
import { readTemporalTarget, type TemporalTarget } from './temporal/connect.js';
import { loadDataConverter } from './temporal/data-converter.js';
import { installRuntime } from './temporal/runtime.js';
import { startAdminServer, type AdminServer } from './worker/admin-server.js';
import { createChannels } from './worker/create-channels.js';
import { createLeaseWork, reclaimAtStart } from './worker/leases.js';
import type { WorkerContext, WorkerParts } from './worker/context.js';
import { publishSettings } from './worker/publish-settings.js';
import { Reachability } from './worker/reachability.js';
import { runConnected } from './worker/run-connected.js';

export type { WorkerParts } from './worker/context.js';

/** What {@link runWorker} needs. */
export interface RunWorkerOptions {
  settings: Settings;
  parts: WorkerParts;
  log: Logger;
  /** Where Temporal is. @default what TEMPORAL_* in the environment say */
  target?: TemporalTarget;
  /** Ends the worker: it finishes what it is doing and returns. */
  signal: AbortSignal;
}

/**
 * The long-running worker. Waits for Temporal and Postgres while they are away, at start and later.
 *
 * @throws SettingsError, PipelineError or SearchAttributesError for what only an operator can mend
 */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const { settings, log, signal, parts } = options;
  const databaseUrl = required(settings, 'DATABASE_URL');
  const gateDatabaseUrl = settings.REAPER_GATE_DATABASE_URL;
  const pipeline = await loadPipeline(settings.REAPER_PIPELINE, {
    functionNames: [],
    hasGateDatabase: gateDatabaseUrl !== undefined,
  });
  const dataConverter = await loadDataConverter(settings.REAPER_PAYLOAD_CODEC);
  const pool = createPool(databaseUrl, { applicationName: 'job-reaper worker' });
  const context: WorkerContext = {
    ...options,
    target: options.target ?? readTemporalTarget(),
    dataConverter,
    pipeline,
    pool,
    leases: createLeaseWork(settings, pool, log),
    gates: createGates({ databaseUrl: gateDatabaseUrl }),
    channels: createChannels(settings),
    names: new Names(settings.REAPER_NAME),
    temporal: new Reachability('Temporal', log),
    postgres: new Reachability('Postgres', log),
  };
  logStart(context);
  let admin: AdminServer | undefined;
  try {
    admin = await openAdminPort(context);
    if (parts.workflows) await publishSettings(context);
    await reclaimAtStart(context);
    // Not before it connects: a runtime that never had a connection keeps the process alive when all is over.
    if (!signal.aborted) installRuntime(log);
    while (!signal.aborted) await runConnected(context);
  } finally {
    await admin?.close();
    await context.gates.close();
    await context.pool.end();
    log.info('stopped');
  }
}

async function openAdminPort({ settings, pool }: WorkerContext): Promise<AdminServer | undefined> {
  const address = settings.REAPER_ADMIN_ADDR;
  return address && startAdminServer({ address, paths: { '/status': () => readStatus(pool) } });
}

function logStart({ settings, parts, leases, channels, log }: WorkerContext): void {
  const running = Object.entries({ ...parts, leases: leases !== null }).flatMap(([part, runs]) =>
    runs ? [part] : [],
  );
  const shown = Object.fromEntries(Object.entries(settings).filter(([name]) => !isSecret(name)));
  log.info(`started as "${settings.REAPER_NAME}" on host "${settings.REAPER_HOST}" (${running.join(', ')})`, {
    ...shown,
    channels: channels.map(({ name }) => name),
  });
  if (parts.probe && selectDriver().kind === 'unsupported') {
    log.warn(`processes cannot be looked at on ${process.platform}: every run of this host is unknown`);
  }
}
