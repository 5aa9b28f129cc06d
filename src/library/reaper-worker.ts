import { readSettings, type Settings } from '../config.js';
import type { Gate } from '../gates/index.js';
import { createLogger, type Logger } from '../log.js';
import type { Notifier } from '../notify/notifier.js';
import { readTemporalTarget, type TemporalTarget } from '../temporal/read-target.js';
import { runWorker, type WorkerParts } from '../worker.js';

/** Options of {@link createReaperWorker}. All have defaults. */
export interface ReaperWorkerOptions {
  /**
   * @default read from the environment
   * @example settings: readSettings({ ...process.env, REAPER_HOST: 'builder-3' })
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
   * Which parts to run.
   *
   * @default both
   * @example parts: { workflows: false, probe: true }
   */
  parts?: WorkerParts;
  /**
   * @default lines on standard output
   * @example log: { info: console.info, warn: console.warn, error: console.error }
   */
  log?: Logger;
  /**
   * Where Temporal is.
   *
   * @default read from TEMPORAL_* in the environment
   * @example target: { connectionOptions: { address: 'temporal:7233' }, namespace: 'jobs' }
   */
  target?: TemporalTarget;
}

/** The worker of `job-reaper worker`, in your own process. */
export interface ReaperWorker {
  /**
   * Runs until {@link shutdown}. Waits for servers that are down. A second call waits for the first one's end.
   *
   * @throws SettingsError, PipelineError or SearchAttributesError for what only an operator can fix; RangeError for two notifiers of one
   *   name; StuckError if something hangs when it stops; Error for a codec that cannot be loaded or an admin port that is taken
   */
  run(): Promise<void>;
  /**
   * Lets the worker finish what it is doing. Resolves once it has ended, after at most 20 s; if `run` was never called, at once. If
   * something went wrong, only `run` throws it.
   */
  shutdown(): Promise<void>;
}

/**
 * Creates the worker that `job-reaper worker` runs. It connects to nothing before `run`. Use only one per process. A Temporal `Runtime`
 * that is already installed is kept.
 *
 * @throws SettingsError for a wrong setting; Error for a Temporal profile or certificate that cannot be read
 */
export function createReaperWorker(options: ReaperWorkerOptions = {}): ReaperWorker {
  const stop = new AbortController();
  const {
    settings = readSettings(),
    parts = { workflows: true, probe: true },
    log = createLogger(),
    target = readTemporalTarget(),
    gates,
    notifiers,
  } = options;
  let running: Promise<void> | undefined;
  return {
    run: () =>
      (running ??= runWorker({
        settings,
        parts,
        log,
        target,
        signal: stop.signal,
        ...(gates && { gates }),
        ...(notifiers && { notifiers }),
      })),
    async shutdown() {
      stop.abort();
      await running?.catch(() => undefined);
    },
  };
}
