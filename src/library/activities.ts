import { readSettings, required, type Settings } from '../config.js';
import { createPool } from '../db/pool.js';
import { createGates, loadPipeline, type Gate } from '../gates/index.js';
import { createLogger, type Logger } from '../log.js';
import { ProcessMetrics } from '../metrics/process-metrics.js';
import { Names } from '../naming.js';
import { toChannels, type Notifier } from '../notify/notifier.js';
import { createQueueActivities, type QueueActivities } from '../worker/create-activities.js';
import { createChannels } from '../worker/create-channels.js';
import { createLeaseWork } from '../worker/leases.js';

/** Options of {@link createActivities}. All have defaults. */
export interface ActivitiesOptions {
  /** @default what the environment says */
  settings?: Settings;
  /** Gates of kind `function`, by the name that the pipeline file gives them. @default none */
  gates?: Readonly<Record<string, Gate>>;
  /** Ways of one's own to tell people. @default none */
  notifiers?: readonly Notifier[];
  /** @default lines on standard output */
  log?: Logger;
}

/** Activities to mount in workers of one's own, with the queues that the workflows look for them on. */
export interface MountableActivities extends QueueActivities {
  queues: {
    /** Any queue will do: that on which the reaper workflow is started. This is where `ReaperClient.start` starts it. */
    workflows: string;
    probe: string;
    leases: string;
  };
  /** Closes the connections to Postgres, once no worker uses the activities any more. */
  close(): Promise<void>;
}

/**
 * Makes the activities for workers of one's own; `workflowsPath` has their workflows. Prefer `createReaperWorker` unless a worker
 * has to serve other workflows too: riding out a server that is away, the admin port and keeping the reaper running are its.
 *
 * @throws SettingsError or PipelineError
 */
export async function createActivities(options: ActivitiesOptions = {}): Promise<MountableActivities> {
  const { settings = readSettings(), log = createLogger(), gates: functions = {}, notifiers = [] } = options;
  const gateDatabaseUrl = settings.REAPER_GATE_DATABASE_URL;
  const pipeline = await loadPipeline(settings.REAPER_PIPELINE, {
    functionNames: Object.keys(functions),
    hasGateDatabase: gateDatabaseUrl !== undefined,
  });
  const channels = [...createChannels(settings), ...toChannels(notifiers)];
  const pool = createPool(required(settings, 'DATABASE_URL'), { applicationName: 'job-reaper activities' });
  const gates = createGates({ databaseUrl: gateDatabaseUrl, functions });
  const names = new Names(settings.REAPER_NAME);
  const leases = createLeaseWork(settings, pool, log);
  const metrics = new ProcessMetrics();
  return {
    ...createQueueActivities({ settings, names, pool, log, metrics, gates, channels, pipeline, leases }),
    queues: {
      workflows: names.workflowQueue,
      probe: names.probeQueue(settings.REAPER_HOST),
      leases: names.leaseQueue,
    },
    async close() {
      await gates.close();
      await pool.end();
    },
  };
}
