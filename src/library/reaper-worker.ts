import { readSettings, type Settings } from '../config.js';
import type { Gate } from '../gates/index.js';
import { createLogger, type Logger } from '../log.js';
import type { Notifier } from '../notify/notifier.js';
import { readTemporalTarget, type TemporalTarget } from '../temporal/read-target.js';
import { runWorker, type WorkerParts } from '../worker.js';

/** Options of {@link createReaperWorker}. All have defaults. */
export interface ReaperWorkerOptions {
  /** @default read from the environment */
  settings?: Settings;
  /** Gates of kind `function`, by their name in the pipeline file. @default none */
  gates?: Readonly<Record<string, Gate>>;
  /** Your own notification channels. @default none */
  notifiers?: readonly Notifier[];
  /** Which parts to run. @default both */
  parts?: WorkerParts;
  /** @default lines on standard output */
  log?: Logger;
  /** Where Temporal is. @default read from TEMPORAL_* in the environment */
  target?: TemporalTarget;
}

/** The worker of `job-reaper worker`, in your own process. */
export interface ReaperWorker {
  /**
   * Runs until {@link shutdown}. Waits for servers that are down.
   *
   * @throws SettingsError, PipelineError or SearchAttributesError for what only an operator can fix
   */
  run(): Promise<void>;
  /** Lets the worker finish what it is doing; then `run` returns. */
  shutdown(): void;
}

/**
 * Creates the worker that `job-reaper worker` runs. It connects to nothing before `run`. Use only one per process. A Temporal `Runtime`
 * that is already installed is kept.
 *
 * @throws SettingsError
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
  return {
    run: () =>
      runWorker({
        settings,
        parts,
        log,
        target,
        signal: stop.signal,
        ...(gates && { gates }),
        ...(notifiers && { notifiers }),
      }),
    shutdown: () => stop.abort(),
  };
}
