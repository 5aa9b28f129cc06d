import { readSettings, type Settings } from '../config.js';
import type { Gate } from '../gates/index.js';
import { createLogger, type Logger } from '../log.js';
import type { Notifier } from '../notify/notifier.js';
import { readTemporalTarget, type TemporalTarget } from '../temporal/read-target.js';
import { runWorker, type WorkerParts } from '../worker.js';

/** Options of {@link createReaperWorker}. All have defaults. */
export interface ReaperWorkerOptions {
  /** @default what the environment says */
  settings?: Settings;
  /** Gates of kind `function`, by the name that the pipeline file gives them. @default none */
  gates?: Readonly<Record<string, Gate>>;
  /** Ways of one's own to tell people. @default none */
  notifiers?: readonly Notifier[];
  /** Which parts to run. @default both */
  parts?: WorkerParts;
  /** @default lines on standard output */
  log?: Logger;
  /** Where Temporal is. @default what TEMPORAL_* in the environment say */
  target?: TemporalTarget;
}

/** The worker of `job-reaper worker`, in a process of one's own. */
export interface ReaperWorker {
  /**
   * Works until {@link shutdown}. Rides out whatever is away.
   *
   * @throws SettingsError, PipelineError or SearchAttributesError for what only an operator can mend
   */
  run(): Promise<void>;
  /** Lets it finish what it is doing; `run` returns then. */
  shutdown(): void;
}

/**
 * Makes the worker that `job-reaper worker` runs. Nothing is connected before `run`. One a process; a Temporal `Runtime` that is
 * installed already is kept.
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
