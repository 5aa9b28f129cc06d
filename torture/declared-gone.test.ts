import { expect, it } from 'vitest';
import { HostFacts } from './facts/host-facts.js';
import type { LedgerRow, Run } from './facts/queue-facts.js';
import type { Change } from './world/flight-recorder.js';

/** A run of the south that started before its host was declared gone, and was reaped on that declaration before its probe answered. */
const EXCUSED = {
  host: 'south',
  evidence: 'host declared gone by torture',
  startedMs: 1_000,
  declaredMs: 10_000 as number | null,
  reapedMs: 20_000,
  answersMs: [5_000, 25_000],
};

it("excuses what rests on an operator's declaration, and nothing more", () => {
  expect(isExcused({})).toBe(true);
});

it.each([
  ['rests on a look of the probe', { evidence: 'pid 7 is absent' }],
  ['is on a host that nobody declared gone', { declaredMs: null }],
  ['is on another host', { host: 'north' }],
  ['began after the declaration', { startedMs: 11_000 }],
  ['was reaped before the declaration', { reapedMs: 9_000 }],
  ['was reaped after the probe had answered', { answersMs: [15_000] }],
])('does not excuse a run that %s', (_, differs) => {
  expect(isExcused(differs)).toBe(false);
});

it('allows for an answer that is being committed', () => {
  expect(isExcused({ answersMs: [19_500] })).toBe(true);
});

function isExcused(differs: Partial<typeof EXCUSED>): boolean {
  const { host, evidence, startedMs, declaredMs, reapedMs, answersMs } = { ...EXCUSED, ...differs };
  const facts = new HostFacts();
  const learn = (relation: Change['relation'], atMs: number, now: object) =>
    facts.learn({ relation, atMs, old: null, new: now } as unknown as Change);
  if (declaredMs !== null) learn('gone_host', declaredMs, { host: 'south' });
  for (const atMs of answersMs) learn('host_probe', atMs, { host: 'south', answered_at: String(atMs) });
  const row = { host, atMs: reapedMs, evidence: { liveness: { evidence } } } as LedgerRow;
  return facts.wasDeclaredGone(row, { startedMs } as Run);
}
