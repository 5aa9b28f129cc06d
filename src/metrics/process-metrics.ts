import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds. A sweep without work takes some tens of milliseconds; one with a silent host takes an interval. */
const SWEEP_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60];
/** Seconds. A dead pid takes about one interval; an exit code takes its grace. */
const REPAIR_BUCKETS = [1, 5, 10, 15, 20, 30, 60, 120, 300, 330, 400, 600, 1800, 3600];

/** The results of a claim; `failed` is an error of Postgres that it would repeat. */
const CLAIM_RESULTS = ['won', 'lost', 'changed', 'blocked', 'busy', 'failed'] as const;

/** What became of a sentinel's reports; `left` to the sweeps: over its budget, paused, disabled or in doubt. */
const REPORT_RESULTS = ['sent', 'failed', 'left'] as const;

/** What is counted of a claim. */
export interface ClaimCount {
  result: (typeof CLAIM_RESULTS)[number];
  tier: number;
  /** Seconds that the run had been dead; null if unknown. */
  deadForS: number | null;
}

/**
 * What this process counts while it runs. Its counters start at 0, so sum over all workers and use rates. Totals that must
 * outlive processes are read from Postgres; see `FleetMetrics`.
 */
export class ProcessMetrics {
  readonly registry = new Registry();
  readonly #sweeps = new Counter({
    name: 'job_reaper_sweeps_total',
    help: 'Sweeps that this worker recorded, by result (ok, failed).',
    labelNames: ['result'],
    registers: [this.registry],
  });
  readonly #sweepSeconds = new Histogram({
    name: 'job_reaper_sweep_seconds',
    help: 'Seconds from the start of a sweep to its record.',
    buckets: SWEEP_BUCKETS,
    registers: [this.registry],
  });
  readonly #claims = new Counter({
    name: 'job_reaper_claims_total',
    help: 'Claims that this worker made, by result (won, lost, changed, blocked, busy, failed).',
    labelNames: ['result'],
    registers: [this.registry],
  });
  readonly #repairSeconds = new Histogram({
    name: 'job_reaper_repair_seconds',
    help: 'Seconds from the death of a run to its claim, by tier: since it was first seen dead (1), since its exit code was recorded (2).',
    labelNames: ['tier'],
    buckets: REPAIR_BUCKETS,
    registers: [this.registry],
  });
  readonly #sentinelLooks = new Counter({
    name: 'job_reaper_sentinel_looks_total',
    help: "Looks of this worker's sentinel at the processes of its host.",
    registers: [this.registry],
  });
  readonly #sentinelSeconds = new Counter({
    name: 'job_reaper_sentinel_seconds_total',
    help: 'Seconds of work in these looks, and to take what the rows say.',
    registers: [this.registry],
  });
  readonly #sentinelReports = new Counter({
    name: 'job_reaper_sentinel_reports_total',
    help: 'Reports of symptoms to the reaper, by result (sent, failed, left to the sweeps).',
    labelNames: ['result'],
    registers: [this.registry],
  });
  readonly #reachable = new Gauge({
    name: 'job_reaper_reachable',
    help: '1 while this worker reaches the server (temporal, postgres), else 0.',
    labelNames: ['server'],
    registers: [this.registry],
  });

  constructor() {
    // Reported as 0 from the start, so that rates include the first one.
    for (const result of ['ok', 'failed']) this.#sweeps.inc({ result }, 0);
    for (const result of CLAIM_RESULTS) this.#claims.inc({ result }, 0);
    for (const result of REPORT_RESULTS) this.#sentinelReports.inc({ result }, 0);
    for (const tier of ['1', '2']) this.#repairSeconds.zero({ tier });
  }

  /** @param seconds from the start of the sweep to its record */
  countSweep({ failed, seconds }: { failed: boolean; seconds: number }): void {
    this.#sweeps.inc({ result: failed ? 'failed' : 'ok' });
    this.#sweepSeconds.observe(seconds);
  }

  countClaim({ result, tier, deadForS }: ClaimCount): void {
    this.#claims.inc({ result });
    if (result === 'won' && deadForS !== null) this.#repairSeconds.observe({ tier: String(tier) }, deadForS);
  }

  countLook(): void {
    this.#sentinelLooks.inc();
  }

  /** @param seconds that the sentinel worked */
  countSeconds(seconds: number): void {
    this.#sentinelSeconds.inc(seconds);
  }

  countReport(result: (typeof REPORT_RESULTS)[number]): void {
    this.#sentinelReports.inc({ result });
  }

  setReachable(server: 'temporal' | 'postgres', isReachable: boolean): void {
    this.#reachable.set({ server }, isReachable ? 1 : 0);
  }
}
