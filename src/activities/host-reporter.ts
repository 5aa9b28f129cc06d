import type { Queryable } from '../db/database.js';
import {
  readDatabaseNow,
  reportHost,
  type Examined,
  type HostOrders,
  type HostReport,
} from '../db/report-host.js';
import { driverFor, measureUptimes, type LivenessDriver } from '../liveness/index.js';
import { SharedBoot } from './shared-boot.js';

/** Milliseconds between two measurements of the uptimes, each of which starts a child process. */
const MEASURE_MS = 15_000;
/** Time limit of one report, in milliseconds. */
const LIMIT_MS = 10_000;
/** Time limit of the last one: its process is about to end. */
const LEAVE_MS = 2_000;

/** What {@link HostReporter} needs. */
export interface HostReporterOptions {
  pool: Queryable;
  /** As REAPER_HOST says. */
  host: string;
  /** How to look at processes. @default this platform's driver, on its own `/proc` */
  driver?: LivenessDriver;
}

/** The result of a report. */
export interface Reported extends HostOrders {
  /** Why nothing may be called dead here now; null if it may. */
  doubt: string | null;
}

/**
 * Reports that this process's probe is up, on which machine and boot, and why it fails if it does. One report at a time. Callers
 * that ask meanwhile share the next one, so that each caller's report begins after it asked.
 */
export class HostReporter {
  readonly #pool: Queryable;
  readonly #host: string;
  #examined: HostReport['examined'] = null;
  readonly #failing = new Map<string, string>();
  #measuredMs = -Infinity;
  readonly #driver: LivenessDriver;
  readonly #sharedBoot: SharedBoot;
  #isLeaving = false;
  #current: Promise<unknown> = Promise.resolve();
  #next: Promise<Reported> | null = null;
  #orders: HostOrders | null = null;

  constructor({ pool, host, driver = driverFor() }: HostReporterOptions) {
    this.#pool = pool;
    this.#host = host;
    this.#driver = driver;
    this.#sharedBoot = new SharedBoot(driver);
  }

  /**
   * Keeps what an examination saw for the next report.
   *
   * @param byItself whether the probe looked by itself; false if a sweep asked for it
   */
  examined(counts: Omit<Examined, 'byItself'>, byItself = true): void {
    this.#examined = { ...counts, byItself: byItself || (this.#examined?.byItself ?? false) };
  }

  /** Keeps why a kind of work failed until it succeeds, which is reported by null. */
  ended(work: string, failure: string | null): void {
    if (failure === null) this.#failing.delete(work);
    else this.#failing.set(work, failure);
  }

  /** @throws if it is not recorded within 10 s */
  report(): Promise<Reported> {
    this.#next ??= this.#after(this.#current);
    return this.#next;
  }

  /** What the last report was answered; null before the first. */
  get orders(): HostOrders | null {
    return this.#orders;
  }

  /**
   * Reports that this process is ending, so that its successor need not wait until it counts as silent. Later reports say the same.
   * Never throws.
   */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    await withLimit(this.report(), LEAVE_MS).catch(() => undefined);
  }

  async #after(current: Promise<unknown>): Promise<Reported> {
    await current.catch(() => undefined);
    const giveUp = new AbortController();
    const report = withLimit(this.#send(giveUp.signal), LIMIT_MS).finally(() => {
      giveUp.abort();
    });
    this.#current = report;
    this.#next = null;
    return report;
  }

  async #send(givenUp: AbortSignal): Promise<Reported> {
    const place = this.#driver.place();
    const isDue = place !== null && performance.now() - this.#measuredMs > MEASURE_MS;
    // The clock first: if the process is stopped in between, its kernel seems older, not younger.
    const measuredAt = isDue ? await readDatabaseNow(this.#pool) : null;
    // The next report may be under way: it must stay the last one that introduces this process.
    givenUp.throwIfAborted();
    if (measuredAt !== null) this.#sharedBoot.readClock(measuredAt.getTime());
    const uptimes = measuredAt === null ? null : { measuredAt, ...measureUptimes(this.#driver) };
    const introduction = place === null ? null : this.#sharedBoot.introduce(this.#isLeaving);
    const examined = this.#examined;
    this.#examined = null;
    const orders = await reportHost(this.#pool, {
      host: this.#host,
      boot: place?.bootId ?? '',
      pidNamespace: place?.pidNamespace ?? '',
      machineId: place?.machineId ?? '',
      isInitial: place?.isInitial ?? false,
      uptimes,
      examined,
      failing: [...this.#failing].map(([work, failure]) => `${work}: ${failure}`).join('; ') || null,
      reporter: introduction?.me ?? null,
    });
    if (isDue) this.#measuredMs = performance.now();
    this.#orders = orders;
    const { reporter } = orders;
    const doubt = place && introduction && reporter && this.#sharedBoot.hear(reporter, introduction, place);
    return { ...orders, doubt };
  }
}

async function withLimit<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Expected Postgres to record this host's report within ${limitMs / 1000} s`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
