import { Counter, Gauge, Registry } from 'prom-client';
import type { FleetNumbers } from '../db/fleet-numbers.js';
import { BUILT_IN_CHANNELS } from '../domain/notification.js';
import { boundLabels } from './bounded.js';

/** How a claim of each tier can end a run. */
const OUTCOMES = [
  { tier: '1', outcomes: ['queued', 'failed'] },
  { tier: '2', outcomes: ['done', 'queued', 'failed'] },
  { tier: '3', outcomes: ['queued', 'failed'] },
];

/** Gauges with one value, and its source. */
const GAUGES: Record<string, { help: string; read: (numbers: FleetNumbers) => number | null }> = {
  job_reaper_running_jobs: { help: 'Jobs that are marked running in their table.', read: (n) => n.running },
  job_reaper_open_watches: { help: 'Open watches after the last sweep.', read: (n) => n.watching },
  job_reaper_open_host_watches: {
    help: 'Hosts that had one watch for all their runs after the last sweep, because many showed a symptom at once.',
    read: (n) => n.hostsWatched,
  },
  job_reaper_unwatchable_jobs: {
    help: 'Running jobs that cannot be watched: job-reaper status lists them.',
    read: (n) => n.unwatchable,
  },
  job_reaper_host_warnings: {
    help: 'Problems with hosts that a person must check, such as two machines under one name: job-reaper status lists them.',
    read: (n) => n.hostWarnings,
  },
  job_reaper_holds: { help: 'Holds in force.', read: (n) => n.holds },
  job_reaper_lease_trouble: {
    help: 'Problems with merge leases at the last sweep that a person must check.',
    read: (n) => n.leaseTrouble,
  },
  job_reaper_notifications_owed: {
    help: 'Notifications that are not settled yet.',
    read: (n) => n.owed,
  },
  job_reaper_notifications_oldest_owed_seconds: {
    help: 'Seconds for which the oldest owed notification has been owed; 0 when none is.',
    read: (n) => n.oldestOwedS,
  },
  job_reaper_failing_channels: {
    help: 'Notification channels that lost their last message: job-reaper status shows why.',
    read: (n) => n.failingChannels,
  },
  job_reaper_unknown_boots: {
    help: "Boots in workers' tokens that no probe has reported: their runs are unknown.",
    read: (n) => n.unknownBoots,
  },
  job_reaper_hosts_without_probe: {
    help: 'Hosts of running jobs whose probe queue no worker polled at the last sweep.',
    read: (n) => n.hostsWithoutProbe.length,
  },
  job_reaper_hosts_failing: {
    help: 'Hosts of running jobs whose probe failed at the last sweep: job-reaper status has the cause.',
    read: (n) => n.hostsFailing,
  },
  job_reaper_waiting_runs: {
    help: 'Runs with a symptom for which no watch was free at the last sweep (REAPER_MAX_WATCHES).',
    read: (n) => n.waiting,
  },
  job_reaper_last_sweep_timestamp_seconds: {
    help: 'Unix time of the last sweep, even a failed one.',
    read: (n) => n.lastSweepS,
  },
  job_reaper_interval_seconds: {
    help: 'Seconds between two sweeps, as published by the worker.',
    read: (n) => n.intervalS,
  },
  job_reaper_enabled: { help: '0 while REAPER_ENABLED=false.', read: (n) => Number(n.enabled) },
  job_reaper_paused: { help: '1 while paused.', read: (n) => Number(n.paused) },
  job_reaper_braked: {
    help: '1 while the reaper has stopped itself, because a run that it reaped as dead has a live process.',
    read: (n) => Number(n.braked),
  },
  job_reaper_observing: {
    help: '1 in the dry run: nothing is claimed.',
    read: (n) => Number(n.mode === 'observe'),
  },
};

/**
 * Metrics of the whole fleet, read from Postgres. Every worker reports the same values, so use the maximum over workers, never
 * the sum. The totals outlive every process, all of Temporal, and `job-reaper prune`.
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
    help: 'Reclaimed merge leases, ever.',
    registers: [this.registry],
  });
  readonly #survivors = new Counter({
    name: 'job_reaper_survivors_total',
    help: 'Runs that were reaped as dead although their process is alive, ever.',
    registers: [this.registry],
  });
  readonly #crashBudget = new Counter({
    name: 'job_reaper_crash_budget_total',
    help: 'Deaths of jobs over their crash budget (REAPER_MAX_CRASHES), ever, by outcome: failed, or queued if the job was not alone in its process.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  readonly #lateWrites = new Counter({
    name: 'job_reaper_late_writes_total',
    help: "Writes of reaped runs' monitors that the late-finalize guard rejected, ever.",
    registers: [this.registry],
  });
  readonly #lost = new Counter({
    name: 'job_reaper_notifications_lost_total',
    help: 'Messages that a channel refused or may never have received, and that are not sent again, ever.',
    labelNames: ['channel'],
    registers: [this.registry],
  });
  readonly #unknown = new Gauge({
    name: 'job_reaper_unknown_runs',
    help: 'Running jobs whose liveness is unknown, by host: they are left alone.',
    labelNames: ['host'],
    registers: [this.registry],
  });

  readonly #trouble = new Gauge({
    name: 'job_reaper_claim_trouble',
    help: 'Runs that cannot be claimed, by kind: their claim ends in an error (failed), or their row is locked (locked).',
    labelNames: ['kind'],
    registers: [this.registry],
  });

  set(numbers: FleetNumbers): void {
    this.registry.resetMetrics();
    for (const { gauge, read } of this.#gauges) {
      const value = read(numbers);
      // Left out, because 0 would be wrong.
      if (value === null) gauge.remove();
      else gauge.set(value);
    }
    this.#survivors.inc(numbers.survivors);
    this.#lateWrites.inc(numbers.lateWrites);
    this.#crashBudget.inc({ outcome: 'failed' }, numbers.crashesFailed);
    this.#crashBudget.inc({ outcome: 'queued' }, numbers.crashesRequeued);
    this.#leases.inc(numbers.leaseReclaimed);
    for (const [kind, runs] of Object.entries(numbers.claimTrouble)) this.#trouble.set({ kind }, runs);
    // Reported as 0 from the start, so that the first loss is an increase.
    const none = Object.fromEntries(BUILT_IN_CHANNELS.map((channel) => [channel, 0]));
    const lost = { ...none, ...numbers.lostMessages };
    for (const [channel, count] of Object.entries(lost)) this.#lost.inc({ channel }, count);
    this.#setReaped(numbers);
    this.#setUnknown(numbers);
  }

  #setReaped(numbers: FleetNumbers): void {
    const claims = [...numbers.claims].sort((a, b) => a.firstId - b.firstId);
    // Agents that were reaped first, in an order that never changes.
    const agents = [...claims.map(({ agent }) => agent), ...numbers.runningAgents];
    const label = boundLabels(agents);
    // Reported as 0 from the start, so that the first claim of each kind is an increase.
    for (const agent of new Set(agents.map(label))) {
      for (const { tier, outcomes } of OUTCOMES)
        for (const outcome of outcomes) this.#reaped.inc({ outcome, tier, agent }, 0);
    }
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
