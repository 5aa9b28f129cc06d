import { readSettings, type Settings } from '../config.js';
import type { Gate } from '../gates/index.js';
import { createLogger, type Logger } from '../log.js';
import type { Notifier } from '../notify/notifier.js';
import { createQueueActivities, type QueueActivities } from '../worker/create-activities.js';
import { closeResources, createResources } from '../worker/resources.js';

/** Options of {@link createActivities}. All have defaults. */
export interface ActivitiesOptions {
  /**
   * @default read from the environment
   * @example settings: readSettings({ ...process.env, REAPER_NAME: 'fleet-2' })
   */
  settings?: Settings;
  /**
   * Gates of kind `function`, by their name in the pipeline file.
   *
   * @default none
   * @example gates: { approved: async ({ workItem }) => ({ green: workItem !== null, reason: `work item ${workItem}` }) }
   */
  gates?: Readonly<Record<string, Gate>>;
  /**
   * Your own notification channels.
   *
   * @default none
   * @example notifiers: [{ name: 'log', notify: async ({ text }) => console.log(text) }]
   */
  notifiers?: readonly Notifier[];
  /**
   * @default lines on standard output
   * @example log: { info: console.info, warn: console.warn, error: console.error }
   */
  log?: Logger;
}

/** Activities to mount in your own workers, with the queues on which the workflows expect them. */
export interface MountableActivities extends QueueActivities {
  queues: {
    /** Where `ReaperClient.start` starts the reaper workflow. Any other queue works too, if you start it there. */
    workflows: string;
    /** Best polled with few slots: a gate may take 5 minutes. Without a worker here, no run with exit code 0 is ever judged. */
    gates: string;
    probe: string;
    leases: string;
  };
  /** Closes the connections to Postgres. Call it once no worker uses the activities any more. */
  close(): Promise<void>;
}

/**
 * Creates the activities for your own workers; `workflowsPath` has the workflows. Prefer `createReaperWorker` unless a worker must serve
 * other workflows too: only that one waits for servers that are down, serves the admin port and keeps the reaper running.
 *
 * @throws SettingsError or PipelineError with every mistake; RangeError for two notifiers of one name
 */
export async function createActivities(options: ActivitiesOptions = {}): Promise<MountableActivities> {
  const { settings = readSettings(), log = createLogger(), gates: functions = {}, notifiers = [] } = options;
  const applicationName = 'job-reaper activities';
  const resources = await createResources({ settings, log, applicationName, functions, notifiers });
  const { names } = resources;
  return {
    ...createQueueActivities(resources),
    queues: {
      workflows: names.workflowQueue,
      gates: names.gateQueue,
      probe: names.probeQueue(settings.REAPER_HOST),
      leases: names.leaseQueue,
    },
    close: () => closeResources(resources),
  };
}
