import { readSettings, type Settings } from '../config.js';
import type { Gate } from '../gates/index.js';
import { createLogger, type Logger } from '../log.js';
import type { Notifier } from '../notify/notifier.js';
import { createQueueActivities, type QueueActivities } from '../worker/create-activities.js';
import { closeResources, createResources } from '../worker/resources.js';

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
    /** Best with few slots: a gate may take 5 minutes. Without a worker here, no run with exit code 0 is ever judged. */
    gates: string;
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
