import type { Queryable } from '../db/database.js';
import { readDatabaseNow, reportHost, type HostOrders, type HostReport } from '../db/report-host.js';
import { measureUptimes, readPlace, selectDriver } from '../liveness/index.js';
import { SharedBoot } from './shared-boot.js';

/** Milliseconds after which uptimes are measured again, which takes a child. */
const MEASURE_MS = 15_000;
/** Milliseconds that one report gets. */
const LIMIT_MS = 10_000;
/** Milliseconds that the last one gets: its process is to end. */
const LEAVE_MS = 2_000;

/** What {@link HostReporter} needs. */
export interface HostReporterOptions {
  pool: Queryable;
  /** As REAPER_HOST says. */
  host: string;
}

/** What came of a report. */
export interface Reported extends HostOrders {
  /** Why nothing may be called dead here now; null where nothing stands against it. */
  doubt: string | null;
}

/**
 * Says for a process's probe that it is there, which machine and boot it is, and what it fails with. One report at a time; those
 * who ask meanwhile share the one after it, so that each one's report begins after it has asked.
 */
export class HostReporter {
  readonly #pool: Queryable;
  readonly #host: string;
  #examined: HostReport['examined'] = null;
  readonly #failing = new Map<string, string>();
  #measuredMs = -Infinity;
  readonly #sharedBoot = new SharedBoot();
  #isLeaving = false;
  #current: Promise<unknown> = Promise.resolve();
  #next: Promise<Reported> | null = null;

  constructor({ pool, host }: HostReporterOptions) {
    this.#pool = pool;
    this.#host = host;
  }

  /** Keeps what an examination saw for the next report. */
  examined(counts: { seen: number; dead: number; unknown: number }): void {
    this.#examined = counts;
  }

  /** Keeps why a kind of work failed, until that kind succeeds, which is null. */
  ended(work: string, failure: string | null): void {
    if (failure === null) this.#failing.delete(work);
    else this.#failing.set(work, failure);
  }

  /** @throws when it is not on record within 10 s */
  report(): Promise<Reported> {
    this.#next ??= this.#after(this.#current);
    return this.#next;
  }

  /**
   * Says that this process ends, so that the one that takes its place need not wait until it is known to be silent. Later reports say
   * the same. Never throws.
   */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    await withLimit(this.report(), LEAVE_MS).catch(() => undefined);
  }

  async #after(current: Promise<unknown>): Promise<Reported> {
    await current.catch(() => undefined);
    const report = withLimit(this.#send(), LIMIT_MS);
    this.#current = report;
    this.#next = null;
    return report;
  }

  async #send(): Promise<Reported> {
    const place = selectDriver().kind === 'linux' ? readPlace() : null;
    const isDue = place !== null && performance.now() - this.#measuredMs > MEASURE_MS;
    // The clock first: a process that is stopped in between takes its kernel for older, not for younger.
    const measuredAt = isDue ? await readDatabaseNow(this.#pool) : null;
    if (measuredAt !== null) this.#sharedBoot.readClock(measuredAt.getTime());
    const uptimes = measuredAt === null ? null : { measuredAt, ...measureUptimes() };
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
    const { reporter } = orders;
    const doubt = place && introduction && reporter && this.#sharedBoot.hear(reporter, introduction, place);
    return { ...orders, doubt };
  }
}

async function withLimit<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Expected Postgres to take this host's report within ${limitMs / 1000} s`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
