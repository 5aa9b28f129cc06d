import { expect, it } from 'vitest';
import { Budget } from '../../src/sentinel/budget.js';
import type { HostProcess } from '../../src/db/host-processes.js';
import { KnownProcesses } from '../../src/sentinel/known-processes.js';

const process = (pid: number | null, runs = 1) => ({
  pid,
  processIdentity: pid === null ? null : `s${pid}`,
  runs,
  hasAlerted: false,
});
const take = (known: KnownProcesses, processes: HostProcess[]) => [...known.take(processes)].length;
const pids = (known: Iterable<{ pid: number | null }>) => [...known].map(({ pid }) => pid);

it('probes each process once a round, new ones first', () => {
  const known = new KnownProcesses();
  take(known, [process(1), process(2), process(3)]);
  expect(pids(known.next(2))).toEqual([3, 2]);
  take(known, [process(1), process(2), process(3), process(4)]);
  expect(pids(known.next(5))).toEqual([4, 1]);
  expect(known.isRoundOver).toBe(true);
  known.beginRound();
  expect(pids(known.next(5)).sort()).toEqual([1, 2, 3, 4]);
});

it('forgets what no row names, and keeps what is known of the rest', () => {
  const known = new KnownProcesses();
  take(known, [process(1), process(2)]);
  for (const each of known.next(2)) known.probed(each, 'dead');
  for (const each of known.all) each.isTold = true;
  take(known, [process(2, 5)]);
  expect([...known.all]).toEqual([{ ...process(2, 5), state: 'dead', isTold: true }]);
  take(known, []);
  take(known, [process(2)]);
  expect([...known.all]).toEqual([{ ...process(2), state: null, isTold: false }]);
});

it('skips one that is forgotten while it waits for its turn', () => {
  const known = new KnownProcesses();
  take(known, [process(1), process(2)]);
  known.forget(process(2));
  expect(pids(known.next(5))).toEqual([1]);
});

it('takes many processes in steps', () => {
  const known = new KnownProcesses();
  expect(
    take(
      known,
      Array.from({ length: 5_000 }, (_, n) => process(n + 1)),
    ),
  ).toBe(2);
  expect(known.counts.seen).toBe(5_000);
});

it('calls a death news again if the process was seen alive in between', () => {
  const known = new KnownProcesses();
  take(known, [process(1)]);
  const [one] = known.next(1);
  if (one === undefined) throw new Error('Expected a process');
  known.probed(one, 'defunct');
  one.isTold = true;
  known.probed(one, 'dead');
  expect(one.isTold).toBe(true);
  known.probed(one, 'alive');
  expect(one.isTold).toBe(false);
});

it('counts runs, not processes, and what was not probed yet as unknown', () => {
  const known = new KnownProcesses();
  take(known, [process(1, 10), process(2, 3), process(3, 2), process(null)]);
  const states = { 1: 'alive', 2: 'dead', 3: 'defunct' } as const;
  for (const each of known.next(4)) {
    if (each.pid !== null) known.probed(each, states[each.pid as 1 | 2 | 3]);
  }
  expect(known.counts).toEqual({ seen: 16, dead: 5, unknown: 1 });
});

it('allows ten reports, and one more each interval, up to ten again', () => {
  const budget = new Budget(0);
  const spendAll = (nowMs: number) => {
    let spent = 0;
    for (; budget.has(nowMs, 100); spent += 1) budget.spend();
    return spent;
  };
  expect([0, 99, 100, 150, 420, 100_000].map(spendAll)).toEqual([10, 0, 1, 0, 3, 10]);
});
