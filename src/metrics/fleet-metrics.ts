import { Counter, Gauge, Registry } from 'prom-client';
import type { FleetNumbers } from '../db/fleet-numbers.js';
import { boundLabels } from './bounded.js';

/** Gauges with one value, and where it comes from. */
const GAUGES: Record<string, { help: string; read: (numbers: FleetNumbers) => number | null }> = {
  job_reaper_running_jobs: { help: 'Jobs that their table calls running.', read: (n) => n.running },
  job_reaper_open_watches: { help: 'Open watches after the last sweep.', read: (n) => n.watching },
  job_reaper_unwatchable_jobs: {
    help: 'Running jobs that cannot be watched: job-reaper status lists them.',
    read: (n) => n.unwatchable,
  },
  job_reaper_host_warnings: {
    help: 'Things about hosts that a person has to look at, such as two machines under one name: job-reaper status lists them.',
    read: (n) => n.hostWarnings,
  },
  job_reaper_holds: { help: 'Holds in force.', read: (n) => n.holds },
  job_reaper_lease_trouble: {
    help: 'Things about merge leases that a person has to look at, at the last sweep.',
    read: (n) => n.leaseTrouble,
  },
  job_reaper_notifications_owed: {
    help: 'Notifications that are not settled yet.',
    read: (n) => n.owed,
  },
  job_reaper_notifications_oldest_owed_seconds: {
    help: 'Seconds since the oldest owed notification is owed; 0 when none is.',
    read: (n) => n.oldestOwedS,
  },
  job_reaper_hosts_without_probe: {
    help: 'Hosts of running jobs on which no probe answered the last sweep.',
    read: (n) => n.hostsWithoutProbe.length,
  },
  job_reaper_last_sweep_timestamp_seconds: {
    help: 'Unix time of the last sweep, also of a failed one.',
    read: (n) => n.lastSweepS,
  },
  job_reaper_interval_seconds: {
    help: 'Seconds between two sweeps, as published by the worker.',
    read: (n) => n.intervalS,
  },
  job_reaper_enabled: { help: '0 while REAPER_ENABLED=false.', read: (n) => Number(n.enabled) },
  job_reaper_paused: { help: '1 while paused.', read: (n) => Number(n.paused) },
  job_reaper_observing: {
    help: '1 in the dry run: nothing is claimed.',
    read: (n) => Number(n.mode === 'observe'),
  },
};

/**
 * What Postgres tells of the whole fleet. Every worker says the same, so take the maximum over workers, never the sum. The
 * totals outlive every process, all of Temporal, and `job-reaper prune`.
 */
export class FleetMetrics {
  readonly registry = new Registry();
  readonly #gauges = Object.entries(GAUGES).map(([name, { help, read }]) => ({
    gauge: new Gauge({ name, help, registers: [this.registry] }),
    read,
  }));
  readonly #reaped = new Counter({
    name: 'job_reaper_reaped_total',
    help: 'Claims that ended a run, ever, by outcome (done, queued, failed), tier (1 dead pid, 2 exit code, 3 backstop) and agent.',
    labelNames: ['outcome', 'tier', 'agent'],
    registers: [this.registry],
  });
  readonly #leases = new Counter({
    name: 'job_reaper_leases_reclaimed_total',
    help: 'Merge leases that were reclaimed, ever.',
    registers: [this.registry],
  });
  readonly #unknown = new Gauge({
    name: 'job_reaper_unknown_runs',
    help: 'Running jobs whose liveness is unknown, by host: they are left alone.',
    labelNames: ['host'],
    registers: [this.registry],
  });

  set(numbers: FleetNumbers): void {
    this.registry.resetMetrics();
    for (const { gauge, read } of this.#gauges) {
      const value = read(numbers);
      // Left out, since a 0 would be a lie.
      if (value === null) gauge.remove();
      else gauge.set(value);
    }
    this.#leases.inc(numbers.leaseReclaimed);
    this.#setReaped(numbers);
    this.#setUnknown(numbers);
  }

  #setReaped(numbers: FleetNumbers): void {
    const claims = [...numbers.claims].sort((a, b) => a.firstId - b.firstId);
    const label = boundLabels(claims.map(({ agent }) => agent));
    for (const { outcome, tier, agent, claims: count } of claims) {
      this.#reaped.inc({ outcome, tier: String(tier), agent: label(agent) }, count);
    }
  }

  #setUnknown({ unknownByHost }: FleetNumbers): void {
    const runs = Object.entries(unknownByHost);
    const label = boundLabels(runs.map(([host]) => host).sort());
    for (const [host, count] of runs) this.#unknown.inc({ host: label(host) }, count);
  }
}
