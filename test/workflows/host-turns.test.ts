import { afterEach, expect, it, vi } from 'vitest';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { HostTurns } from '../../src/workflows/host-watches.js';

afterEach(() => vi.useRealTimers());

it('has no room for more host watches than a workflow can have as children, besides all single watches', () => {
  const turns = new HostTurns();
  const policy = { ...DEFAULT_POLICY, maxWatches: 1_500 };
  expect(turns.room(policy)).toBe(450);
  for (let n = 0; n < 450; n += 1) turns.began(`host-${n}`);
  expect(turns.room(policy)).toBe(0);
  expect(turns.room({ ...policy, maxWatches: 500 })).toBe(1_000);
  turns.ended('host-7', 0, false, policy);
  expect(turns.room(policy)).toBe(1);
});

it('gives single watches to the runs of a host whose watch is open for very long, as one that is stuck', () => {
  vi.useFakeTimers({ now: 0 });
  const turns = new HostTurns();
  turns.began('host-1');
  vi.setSystemTime(600_000);
  expect(turns.isForSingles('host-1', 1, { intervalS: 15 })).toBe(false);
  vi.setSystemTime(600_001);
  expect(turns.isForSingles('host-1', 2, { intervalS: 15 })).toBe(true);
  // A long interval makes each of its waits longer.
  expect(turns.isForSingles('host-1', 2, { intervalS: 60 })).toBe(false);
  expect(turns.isForSingles('host-2', 2, { intervalS: 15 })).toBe(false);
});

it('asks one that was carried over whether it is still open: soon at first, and once a minute at least', () => {
  vi.useFakeTimers({ now: 5_000 });
  const before = new HostTurns();
  before.began('host-1');
  before.began('host-2');
  before.ended('host-2', 5_000, false, DEFAULT_POLICY);
  const turns = new HostTurns(before.carry());
  expect(turns.open).toEqual({ count: 1, first: ['host-1'] });
  const asksAfter = () => {
    expect(turns.mayAsk('host-1')).toBe(true);
    turns.asking('host-1', { intervalS: 15 });
    const askedMs = Date.now();
    while (!turns.mayAsk('host-1')) vi.setSystemTime(Date.now() + 1_000);
    return (Date.now() - askedMs) / 1000;
  };
  expect([asksAfter(), asksAfter(), asksAfter(), asksAfter(), asksAfter()]).toEqual([15, 15, 30, 60, 60]);
  // One that it started itself tells when it ends.
  turns.began('host-1');
  expect(turns.mayAsk('host-1')).toBe(false);
});

it('forgets those that were carried over where no run shows a symptom any more, and no others', () => {
  const before = new HostTurns();
  for (const host of ['', 'host-1', 'host-2']) before.began(host);
  const turns = new HostTurns(before.carry());
  turns.began('host-3');
  turns.keepCarried(new Set(['', 'host-2']));
  expect(turns.open).toEqual({ count: 3, first: ['', 'host-2', 'host-3'] });
});

it('asks one after the same time, however short the executions are', () => {
  vi.useFakeTimers({ now: 0 });
  let turns = new HostTurns();
  turns.began('host-1');
  vi.setSystemTime(100_000);
  for (let n = 0; n < 3; n += 1) {
    turns = new HostTurns(turns.carry());
    expect(turns.mayAsk('host-1')).toBe(false);
    vi.setSystemTime(Date.now() + 20_000);
  }
  expect(turns.mayAsk('host-1')).toBe(true);
});

it('carries no more than an input has room for, and leaves the others to be found by their ids', () => {
  const turns = new HostTurns();
  for (let n = 0; n < 1_950; n += 1) turns.began(String(n).padStart(200, 'h'));
  const carried = turns.carry();
  expect(JSON.stringify(carried).length).toBeLessThan(260_000);
  expect(carried.length).toBeGreaterThan(1_000);
  const usual = new HostTurns();
  for (let n = 0; n < 1_950; n += 1) usual.began(`ip-10-0-${n}.eu-west-1.compute.internal`);
  expect(usual.carry()).toHaveLength(1_950);
});

it('forgets one that was carried over and is late, so that its host can have another one, and no other', () => {
  vi.useFakeTimers({ now: 0 });
  const before = new HostTurns();
  before.began('host-1');
  vi.setSystemTime(1);
  before.began('host-2');
  const turns = new HostTurns(before.carry());
  vi.setSystemTime(600_001);
  turns.tidy(Date.now(), { intervalS: 15 });
  expect(turns.open).toEqual({ count: 1, first: ['host-2'] });
  expect(turns.isForSingles('host-1', 2, { intervalS: 15 })).toBe(false);
  // The end of one that it started itself will be reported.
  vi.setSystemTime(2_000_000);
  before.tidy(Date.now(), { intervalS: 15 });
  expect(before.open.count).toBe(2);
});

it('gives single watches to the runs of a host whose watch was carried over and is open for very long', () => {
  vi.useFakeTimers({ now: 0 });
  const before = new HostTurns();
  before.began('host-1');
  vi.setSystemTime(600_001);
  expect(new HostTurns(before.carry()).isForSingles('host-1', 2, { intervalS: 15 })).toBe(true);
});
