import { isSecret, SettingsError, type Settings } from './config.js';
import { explainPostgresError } from './db/explain-error.js';
import { pendingOn } from './db/pools.js';
import { readStatus } from './db/status.js';
import type { Gate } from './gates/index.js';
import { whyNoHostProc } from './liveness/index.js';
import type { Logger } from './log.js';
import { readTemporalTarget, type TemporalTarget } from './temporal/read-target.js';
import type { Notifier } from './notify/notifier.js';
import { packageVersion } from './paths.js';
import { loadDataConverter } from './temporal/data-converter.js';
import { explainTemporalError } from './temporal/explain-error.js';
import { jsonReply, startAdminServer, type AdminServer } from './worker/admin-server.js';
import { checkHealth, checkReadiness, Pulse } from './worker/health.js';
import { installRuntimeFor } from './worker/install-runtime.js';
import { reclaimAtStart } from './worker/leases.js';
import { createMetricsPage } from './worker/metrics-page.js';
import type { WorkerContext, WorkerParts } from './worker/context.js';
import { publishSettings } from './worker/publish-settings.js';
import { reportHostInTurn } from './worker/report-host.js';
import { runSentinel } from './worker/run-sentinel.js';
import { Reachability } from './worker/reachability.js';
import { closeResources, createResources } from './worker/resources.js';
import { runConnected } from './worker/run-connected.js';
import { endInTime, Waits } from './worker/stopping.js';

export type { WorkerParts } from './worker/context.js';

/** What {@link runWorker} needs. */
export interface RunWorkerOptions {
  settings: Settings;
  parts: WorkerParts;
  log: Logger;
  /** Where Temporal is. @default read from TEMPORAL_* in the environment */
  target?: TemporalTarget;
  /** Gates of kind `function`, by name. @default none */
  gates?: Readonly<Record<string, Gate>>;
  /** Custom notification channels. @default none */
  notifiers?: readonly Notifier[];
  /** Stops the worker: it finishes what it is doing and returns. */
  signal: AbortSignal;
}

/**
 * The long-running worker. Waits for Temporal and Postgres while they are down, at start and later.
 *
 * @throws SettingsError, PipelineError or SearchAttributesError for what only an operator can fix, and StuckError if something hangs
 *   when it stops
 */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const { settings, log, signal, parts, gates: functions = {}, notifiers = [] } = options;
  if (parts.probe) assertHostProc(settings);
  const applicationName = 'job-reaper worker';
  const target = options.target ?? readTemporalTarget();
  const resources = await createResources({ settings, log, applicationName, functions, notifiers });
  const context: WorkerContext = {
    ...resources,
    parts,
    signal,
    target,
    dataConverter: await loadDataConverter(settings.REAPER_PAYLOAD_CODEC),
    temporal: new Reachability('Temporal', log, (error) => explainTemporalError(error, target)),
    postgres: new Reachability('Postgres', log, (error) =>
      explainPostgresError(error, settings.DATABASE_URL ?? '', 'DATABASE_URL'),
    ),
    waits: new Waits(),
    pulse: new Pulse(),
    link: null,
  };
  logStart(context);
  const pending = () => [...context.waits.names, ...pendingOn(context.pools)];
  await endInTime(work(context), { signal, log, pending });
}

/** A probe that sees other processes than its operator believes would find all of them unknown, and say so nowhere at its start. */
function assertHostProc({ REAPER_PROC: path }: Settings): void {
  if (path === '/proc' || process.platform !== 'linux') return;
  const why = whyNoHostProc(path);
  if (why === null) return;
  throw new SettingsError([
    `REAPER_PROC: expected a mount of the host's /proc, got "${path}": ${why}. Mount the host's there (a hostPath volume, or -v /proc:/host/proc:ro), or leave it unset`,
  ]);
}

async function work(context: WorkerContext): Promise<void> {
  const { parts, signal, log, waits } = context;
  let admin: AdminServer | undefined;
  let sdkPort: number | null = null;
  const ended = new AbortController();
  let reports: Promise<void> | undefined;
  let sentinel: Promise<void> | undefined;
  try {
    admin = await openAdminPort(context, () => sdkPort);
    const either = AbortSignal.any([signal, ended.signal]);
    if (parts.probe) {
      reports = reportHostInTurn(context, either);
      sentinel = runSentinel(context, either);
    }
    if (parts.workflows) await publishSettings(context);
    await reclaimAtStart(context);
    // Not before it connects: a runtime without a connection would keep the process alive at the end.
    if (!signal.aborted) sdkPort = await installRuntimeFor(context);
    while (!signal.aborted) await runConnected(context);
  } finally {
    ended.abort();
    await admin?.close();
    await waits.during("the sentinel's last look", Promise.resolve(sentinel));
    await reports;
    await waits.during('the end of the connections to Postgres', closeResources(context));
    log.info('stopped');
  }
}

async function openAdminPort(
  context: WorkerContext,
  sdkPort: () => number | null,
): Promise<AdminServer | undefined> {
  const address = context.settings.REAPER_ADMIN_ADDR;
  if (address === undefined) return undefined;
  return startAdminServer({
    address,
    paths: {
      '/healthz': () => checkHealth(context),
      '/readyz': () => checkReadiness(context),
      '/metrics': createMetricsPage(context, packageVersion, sdkPort),
      '/status': async () => jsonReply(200, await readStatus(context.pools.others)),
    },
  });
}

function logStart({ settings, parts, driver, leases, channels, log }: WorkerContext): void {
  const running = Object.entries({ ...parts, leases: leases !== null }).flatMap(([part, runs]) =>
    runs ? [part] : [],
  );
  const shown = Object.fromEntries(Object.entries(settings).filter(([name]) => !isSecret(name)));
  log.info(`started as "${settings.REAPER_NAME}" on host "${settings.REAPER_HOST}" (${running.join(', ')})`, {
    ...shown,
    channels: channels.map(({ name }) => name),
  });
  if (parts.probe && driver.kind === 'unsupported') {
    log.warn(`processes cannot be checked on ${process.platform}: every run of this host is unknown`);
  }
}
