import { expect, test } from 'vitest';
import { explain } from '../../src/explain/explain.js';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { claimed, NOW } from './explain-facts.js';

test('a job is unknown only if nothing is known about it', () => {
  const facts = { jobId: 'j1', nowMs: 0, lastSweep: null, running: null, wouldBe: [] };
  const control = {
    now: NOW.toISOString(),
    adapter: null,
    mode: 'active' as const,
    paused: false,
    pausedBy: null,
    pausedReason: null,
    brakedBy: null,
    policy: DEFAULT_POLICY,
  };
  expect(explain({ ...facts, control, ledger: [] }).known).toBe(false);
  expect(explain({ ...facts, control, ledger: [claimed()] }).known).toBe(true);
});
