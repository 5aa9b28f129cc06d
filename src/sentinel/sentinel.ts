import { setImmediate } from 'node:timers/promises';
import type { HostReporter } from '../activities/host-reporter.js';
import type { Queryable } from '../db/database.js';
import { readHostProcesses } from '../db/host-processes.js';
import { processKey } from '../domain/liveness.js';
import { messageOf } from '../domain/trouble.js';
import { DEFAULT_POLICY } from '../domain/types.js';
import { driverFor, probeProcess, type LivenessDriver, type PrepareOptions } from '../liveness/index.js';
import type { Logger } from '../log.js';
import type { ProcessMetrics } from '../metrics/process-metrics.js';
import { pause } from '../pause.js';
import { Budget } from './budget.js';
import { isSymptom, KnownProcesses, type KnownProcess } from './known-processes.js';

/** Milliseconds between two looks, at least. */
const LOOK_MS = 500;
/**
 * Rest after work, in multiples of the work's duration: looks take at most a fiftieth of a core, and so do reads of the rows and lists of
 * all processes.
 */
const REST = 50;
/** Milliseconds of rest, at most: a machine that was suspended in the middle of a look seems to have worked all the time. */
const MAX_REST_MS = 60_000;
/** Rows are read so many times per interval, if that is not too much work. */
const READS_PER_INTERVAL = 3;
/** Milliseconds after which row and process are looked at again: a run that ends normally needs a moment until its row says so. */
const CONFIRM_MS = 250;
/** Milliseconds until the next turn after one that failed, and until the next report after one that could not be sent. */
const RETRY_MS = 5_000;
/** Milliseconds of full probes in one look, or this part of what its quick part took, if that is more. */
const SLICE_MS = 2;
const SLICE_PART = 1 / 4;
/** Milliseconds between two lists of all processes, at least. */
const LIST_MS = 5_000;
/** Processes to look at before other work gets its turn: a few milliseconds of it. */
const QUICK_BATCH = 2_000;
const PROBE_BATCH = 50;

/** What {@link Sentinel} needs. */
export interface SentinelOptions {
  pool: Queryable;
  /** This host, as the job rows name it. */
  host: string;
  sharedPidNamespace: boolean;
  /** Knows the interval and whether anything may be called dead now. Gets the counts of each full look. */
  reporter: Pick<HostReporter, 'report' | 'examined' | 'ended' | 'orders'>;
  /** Tells the reaper that this host has symptoms. Ends within its own limit; rejects if the reaper was not told. */
  tell: () => Promise<void>;
  /** How to look at processes. Whoever judges this host's processes must use the same. @default this platform's, on its own `/proc` */
  driver?: LivenessDriver;
  log: Logger;
  metrics: Pick<ProcessMetrics, 'countLook' | 'countSeconds' | 'countReport'>;
  /** For tests: milliseconds until a suspect is looked at again. @default 250 */
  confirmMs?: number;
}

/**
 * Looks at this host's processes by itself, without Temporal, and tells the reaper at once when one has died. That only makes the reaper
 * look sooner: nothing that it does rests on what was seen here. If the sentinel fails or is off, sweeps find everything, later.
 *
 * Most looks only ask whether the processes still exist. A full probe takes 25 times as long, so each look makes some, in turn: they
 * find reused pids and defunct processes. Every few seconds it lists all processes of the machine: that finds those of other pid
 * namespaces, and their children.
 */
export class Sentinel {
  readonly #options: SentinelOptions;
  readonly #known = new KnownProcesses();
  readonly #driver: LivenessDriver;
  readonly #budget = new Budget(performance.now());
  /** When the rows are read next. */
  #readMs = -Infinity;
  /** When they were last read. */
  #rowsMs = -Infinity;
  /** When the processes of the machine are listed next. */
  #listMs = -Infinity;
  #roundMs = performance.now();
  /** Until then nothing is reported, because the last report could not be sent. */
  #silentUntilMs = -Infinity;
  /** Milliseconds of work since the look began. */
  #costMs = 0;
  #isFailing = false;

  constructor(options: SentinelOptions) {
    this.#options = options;
    this.#driver = options.driver ?? driverFor();
  }

  /** Looks until the signal. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#driver.kind === 'unsupported') return;
    while (!signal.aborted) {
      let waitMs = RETRY_MS;
      this.#costMs = 0;
      try {
        await this.#look(signal);
        waitMs = Math.max(LOOK_MS, restAfter(this.#costMs));
        this.#ended(null);
      } catch (error) {
        this.#ended(messageOf(error));
      }
      this.#options.metrics.countLook();
      this.#options.metrics.countSeconds(this.#costMs / 1_000);
      await pause(waitMs, signal);
    }
  }

  #ended(failure: string | null): void {
    const { reporter, log } = this.#options;
    reporter.ended('sentinel', failure);
    if (failure !== null && !this.#isFailing) log.warn(`the sentinel failed, retrying: ${failure}`);
    if (failure === null && this.#isFailing) log.info('the sentinel works again');
    this.#isFailing = failure !== null;
  }

  get #intervalMs(): number {
    return 1_000 * (this.#options.reporter.orders?.intervalS ?? DEFAULT_POLICY.intervalS);
  }

  async #look(signal: AbortSignal): Promise<void> {
    if (performance.now() >= this.#readMs) await this.#readRows();
    await this.#probe(await this.#vanished());
    if (performance.now() >= this.#listMs) await this.#listAll();
    await this.#probeSlice(Math.max(SLICE_MS, SLICE_PART * this.#costMs));
    const suspects = this.#work(() =>
      [...this.#known.all].filter(({ state, isTold }) => isSymptom(state) && !isTold),
    );
    if (suspects.length === 0 || performance.now() < this.#silentUntilMs) return;
    await pause(this.#options.confirmMs ?? CONFIRM_MS, signal);
    if (signal.aborted) return;
    const confirmed = await this.#confirm(suspects);
    if (confirmed.length > 0) await this.#report(confirmed);
  }

  /** At a pace of its own, because its cost is most of all the database's. */
  async #readRows(): Promise<void> {
    const { pool, host, metrics } = this.#options;
    const beganMs = performance.now();
    const processes = await readHostProcesses(pool, host);
    const readMs = performance.now() - beganMs;
    this.#rowsMs = beganMs;
    const steps = this.#known.take(processes);
    while (this.#work(() => steps.next().done !== true)) await setImmediate();
    metrics.countSeconds(this.#costMs / 1_000);
    this.#readMs =
      performance.now() + Math.max(this.#intervalMs / READS_PER_INTERVAL, restAfter(readMs + this.#costMs));
    this.#costMs = 0;
  }

  /** Those that should exist and do not. */
  async #vanished(): Promise<KnownProcess[]> {
    const vanished: KnownProcess[] = [];
    const expected = this.#work(() =>
      [...this.#known.all].filter(({ state }) => state === 'alive' || state === null),
    );
    await this.#inBatches(expected, QUICK_BATCH, (known) => {
      if (this.#driver.seemsGone(known)) vanished.push(known);
    });
    return vanished;
  }

  /** What only a list of all processes can tell. At a pace of its own, because that reads the files of every process of the machine. */
  async #listAll(): Promise<void> {
    const all = [...this.#known.all];
    if (all.length === 0) return;
    const costMs = this.#costMs;
    const beganMs = performance.now();
    const began = process.cpuUsage();
    await this.#driver.keepFamilies(all);
    const unfamiliar: KnownProcess[] = [];
    await this.#inBatches(all, QUICK_BATCH, (known) => {
      if (!this.#driver.isFamiliar(known)) unfamiliar.push(known);
    });
    await this.#probe(unfamiliar, { sinceMs: beganMs });
    const { user, system } = process.cpuUsage(began);
    const workMs = Math.min(performance.now() - beganMs, (user + system) / 1_000);
    this.#options.metrics.countSeconds(workMs / 1_000);
    this.#costMs = costMs;
    this.#listMs = performance.now() + Math.max(LIST_MS, restAfter(workMs));
  }

  /** @param options by default only what is remembered: what only a list can tell stays as it was */
  async #probe(
    processes: readonly KnownProcess[],
    options: PrepareOptions = { fromMemory: true },
  ): Promise<void> {
    const { sharedPidNamespace } = this.#options;
    const told = options.fromMemory ? processes.filter((known) => this.#driver.isFamiliar(known)) : processes;
    const driver = await this.#work(() => this.#driver.prepare(told, options));
    await this.#inBatches(told, PROBE_BATCH, (known) => {
      this.#known.probed(known, probeProcess(known, { sharedPidNamespace, driver }).state);
    });
  }

  /** Some full probes, in turn. Once all have had theirs, that was one full look. */
  async #probeSlice(budgetMs: number): Promise<void> {
    const untilMs = this.#costMs + budgetMs;
    while (!this.#known.isRoundOver && this.#costMs < untilMs) {
      await this.#probe(this.#known.next(PROBE_BATCH));
    }
    if (!this.#known.isRoundOver) return;
    const nowMs = performance.now();
    // One that took longer, or knows no newer rows, says too little about now: then sweeps examine this host as if it had no sentinel.
    const isFresh = nowMs - this.#roundMs <= this.#intervalMs && nowMs - this.#rowsMs <= 2 * this.#intervalMs;
    if (isFresh) this.#options.reporter.examined(this.#known.counts);
    this.#roundMs = nowMs;
    this.#known.beginRound();
  }

  /** Those whose row still names them, without an exit code, and which are still not alive. */
  async #confirm(suspects: readonly KnownProcess[]): Promise<KnownProcess[]> {
    const { pool, host } = this.#options;
    const beganMs = performance.now();
    const rows = await readHostProcesses(pool, host, [...new Set(suspects.flatMap(({ pid }) => pid ?? []))]);
    this.#costMs += performance.now() - beganMs;
    const named = new Set(rows.map(processKey));
    const running = suspects.filter((known) => named.has(processKey(known)));
    for (const known of suspects) if (!named.has(processKey(known))) this.#known.forget(known);
    const isFamiliar = (known: KnownProcess) => this.#driver.isFamiliar(known);
    await this.#probe(running);
    await this.#probe(
      running.filter((known) => !isFamiliar(known)),
      {},
    );
    return running.filter(({ state }) => isSymptom(state));
  }

  /** One report for all of them. What may not be reported is left to the sweeps. */
  async #report(confirmed: readonly KnownProcess[]): Promise<void> {
    const { tell, metrics } = this.#options;
    const mayTell = await this.#mayReport();
    try {
      if (mayTell) {
        await tell();
        this.#budget.spend();
      }
      metrics.countReport(mayTell ? 'sent' : 'left');
      for (const known of confirmed) known.isTold = true;
    } catch {
      metrics.countReport('failed');
      this.#silentUntilMs = performance.now() + RETRY_MS;
    }
  }

  /** Asked after the look, so that a doubt is about this very look. */
  async #mayReport(): Promise<boolean> {
    if (!this.#budget.has(performance.now(), this.#intervalMs)) return false;
    const { doubt, paused, enabled } = await this.#options.reporter.report();
    return doubt === null && !paused && enabled;
  }

  #work<T>(step: () => T): T {
    const beganMs = performance.now();
    const began = process.cpuUsage();
    const result = step();
    const { user, system } = process.cpuUsage(began);
    // On a busy machine a step lasts longer than it works; other threads work beside it.
    this.#costMs += Math.min(performance.now() - beganMs, (user + system) / 1_000);
    return result;
  }

  async #inBatches<T>(items: readonly T[], size: number, step: (item: T) => void): Promise<void> {
    for (let from = 0; from < items.length; from += size) {
      this.#work(() => items.slice(from, from + size).forEach(step));
      await setImmediate();
    }
  }
}

function restAfter(workMs: number): number {
  return Math.min(REST * workMs, MAX_REST_MS);
}
