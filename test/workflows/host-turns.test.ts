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
