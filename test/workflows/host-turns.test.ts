import { expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { HostTurns } from '../../src/workflows/host-watches.js';

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
