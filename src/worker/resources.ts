import { HostReporter } from '../activities/host-reporter.js';
import { required, type Settings } from '../config.js';
import { createPools, endPools } from '../db/pools.js';
import { createGates, loadPipeline, type Gate } from '../gates/index.js';
import { driverFor } from '../liveness/index.js';
import type { Logger } from '../log.js';
import { ProcessMetrics } from '../metrics/process-metrics.js';
import { Names } from '../naming.js';
import { toChannels, type Notifier } from '../notify/notifier.js';
import type { WorkerContext } from './context.js';
import { createChannels } from '../notify/create-channels.js';
import { createLeaseWork } from './leases.js';

/** What the activities of one process use. */
export type Resources = Pick<
  WorkerContext,
  | 'settings'
  | 'names'
  | 'pools'
  | 'pool'
  | 'driver'
  | 'reporter'
  | 'log'
  | 'metrics'
  | 'gates'
  | 'channels'
  | 'pipeline'
  | 'leases'
>;

/** What {@link createResources} needs. */
export interface ResourcesOptions {
  settings: Settings;
  log: Logger;
  /** Shown in pg_stat_activity, followed by the connection's purpose. */
  applicationName: string;
  /** Gates of kind `function`, by their name in the pipeline file. */
  functions: Readonly<Record<string, Gate>>;
  notifiers: readonly Notifier[];
}

/**
 * Makes what activities use. Nothing connects before it is used.
 *
 * @throws SettingsError or PipelineError
 */
export async function createResources(options: ResourcesOptions): Promise<Resources> {
  const { settings, log, applicationName, functions, notifiers } = options;
  const databaseUrl = required(settings, 'DATABASE_URL');
  const gateDatabaseUrl = settings.REAPER_GATE_DATABASE_URL;
  const pipeline = await loadPipeline(settings.REAPER_PIPELINE, {
    functionNames: Object.keys(functions),
    hasGateDatabase: gateDatabaseUrl !== undefined,
  });
  const channels = [...createChannels(settings), ...toChannels(notifiers)];
  const pools = createPools(databaseUrl, applicationName);
  const driver = driverFor(settings.REAPER_PROC);
  return {
    settings,
    log,
    pipeline,
    channels,
    pools,
    pool: pools.control,
    driver,
    reporter: new HostReporter({ pool: pools.probe, host: settings.REAPER_HOST, driver }),
    leases: createLeaseWork(settings, driver, pools.others, log),
    gates: createGates({ databaseUrl: gateDatabaseUrl, functions }),
    names: new Names(settings.REAPER_NAME),
    metrics: new ProcessMetrics(),
  };
}

/** Closes their connections, once they are no longer used. */
export async function closeResources({ gates, pools }: Pick<Resources, 'gates' | 'pools'>): Promise<void> {
  await Promise.all([gates.close(), endPools(pools)]);
}
