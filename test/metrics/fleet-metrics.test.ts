import { expect, it } from 'vitest';
import type { FleetNumbers } from '../../src/db/fleet-numbers.js';
import { boundLabels, LABEL_LIMIT } from '../../src/metrics/bounded.js';
import { FleetMetrics } from '../../src/metrics/fleet-metrics.js';
import { parseExposition } from './exposition.js';

const NUMBERS: FleetNumbers = {
  enabled: true,
  paused: false,
  mode: 'active',
  intervalS: 15,
  lastSweepS: 1_795_000_000,
  running: 0,
  watching: 0,
  hostsWatched: 0,
  unwatchable: 0,
  hostWarnings: 0,
  holds: 0,
  survivors: 0,
  braked: false,
  lateWrites: 0,
  crashesFailed: 0,
  crashesRequeued: 0,
  leaseReclaimed: 0,
  leaseTrouble: 0,
  owed: 0,
  lostMessages: {},
  failingChannels: 0,
  unknownBoots: 0,
  oldestOwedS: 0,
  claims: [],
  runningAgents: [],
  claimTrouble: { failed: 0, locked: 0 },
  waiting: 0,
  hostsWithoutProbe: [],
  hostsFailing: 0,
  unknownByHost: {},
};

async function pageOf(metrics: FleetMetrics, numbers: Partial<FleetNumbers>) {
  metrics.set({ ...NUMBERS, ...numbers });
  return parseExposition(await metrics.registry.metrics());
}

const claimsOf = (agents: string[]) =>
  agents.map((agent, n) => ({ agent, outcome: 'queued', tier: 1, firstId: n + 1, claims: 2 }));

it('has a bounded number of agents, and none moves from one label to another when more appear', async () => {
  const metrics = new FleetMetrics();
  const agents = Array.from({ length: LABEL_LIMIT + 20 }, (_, n) => `agent-${n}`);
  const read = async (count: number) => {
    // As Postgres may return them, in any order.
    const page = await pageOf(metrics, { claims: claimsOf(agents.slice(0, count)).reverse() });
    const samples = page.get('job_reaper_reaped_total')?.samples ?? [];
    const sums = new Map<string | undefined, number>();
    for (const { labels, value } of samples)
      sums.set(labels['agent'], (sums.get(labels['agent']) ?? 0) + value);
    return sums;
  };
  const before = await read(LABEL_LIMIT + 1);
  const after = await read(LABEL_LIMIT + 20);
  expect(before.size).toBe(LABEL_LIMIT + 1);
  expect(before.get('other')).toBe(2);
  expect(after.get('other')).toBe(40);
  expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
});

it('has a zero for whatever may become of an agent that is running, before any of its jobs is reaped', async () => {
  const metrics = new FleetMetrics();
  const read = async (numbers: Partial<FleetNumbers>) => {
    const page = await pageOf(metrics, { runningAgents: ['', 'b'], ...numbers });
    return (page.get('job_reaper_reaped_total')?.samples ?? []).map(
      ({ labels, value }) => `${labels['agent']} ${labels['outcome']} ${labels['tier']}: ${value}`,
    );
  };
  const before = await read({});
  expect(before).toHaveLength(14);
  expect(before).toContain('b queued 1: 0');
  expect(before).toContain('none done 2: 0');
  const after = await read({ claims: claimsOf(['b']) });
  expect(after.filter((line) => !before.includes(line))).toEqual(['b queued 1: 2']);
  expect(after).toHaveLength(14);
});

it('does not count a number twice when it is set again', async () => {
  const metrics = new FleetMetrics();
  const numbers = { claims: claimsOf(['a']), leaseReclaimed: 3, unknownByHost: { h: 2 } };
  await pageOf(metrics, numbers);
  const page = await pageOf(metrics, numbers);
  expect(page.get('job_reaper_reaped_total')?.samples.map(({ value }) => value)).toContain(2);
  expect(page.get('job_reaper_reaped_total')?.samples.map(({ value }) => value)).not.toContain(4);
  expect(page.get('job_reaper_leases_reclaimed_total')?.samples[0]?.value).toBe(3);
  expect(page.get('job_reaper_unknown_runs')?.samples[0]?.value).toBe(2);
});

it('leaves out unknown values', async () => {
  const page = await pageOf(new FleetMetrics(), { lastSweepS: null, intervalS: null });
  expect(page.get('job_reaper_last_sweep_timestamp_seconds')?.samples).toEqual([]);
  expect(page.get('job_reaper_interval_seconds')?.samples).toEqual([]);
});

it('cuts a long label value and names a missing one', () => {
  const label = boundLabels(['', 'x'.repeat(300)]);
  expect(label('')).toBe('none');
  expect(label('x'.repeat(300))).toHaveLength(100);
  expect(label('new')).toBe('other');
});
