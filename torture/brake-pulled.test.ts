import { expect, it } from 'vitest';
import { BrakeFacts } from './facts/brake-facts.js';
import type { Facts } from './facts/facts.js';
import { PresenceFacts } from './facts/presence-facts.js';
import { brakePulled } from './invariants/brake-pulled.js';
import type { Change } from './world/flight-recorder.js';

const REAPED_MS = 10_000;
/** Longer than the time in which it must be noticed. */
const LONG_MS = 200_000;

/** A run whose agent stayed alive long after it was reaped as dead; it was found, and everything was stopped. */
const NOTICED = {
  tier: 1,
  processIdentity: 'stamp-1' as string | null,
  livedUntilMs: REAPED_MS + LONG_MS,
  foundMs: 15_000 as number | null,
  stoppedMs: 15_000 as number | null,
  activatedMs: 40_000,
  nextClaimMs: 50_000,
};

it.each([
  ['found and stopped', {}],
  ['dead when it was reaped', { livedUntilMs: 9_000, foundMs: null, stoppedMs: null }],
  ['alive for a moment more only', { livedUntilMs: 12_000, foundMs: null, stoppedMs: null }],
  ['reaped over its ceiling', { tier: 3, foundMs: null, stoppedMs: null }],
  ['reaped by the pid of another process', { processIdentity: 'stamp-2', foundMs: null, stoppedMs: null }],
])('has nothing to say of a run that was %s', (_, differs) => {
  expect(judge(differs)).toEqual([]);
});

it.each([
  ['that nobody found', { foundMs: null, stoppedMs: null }, 'no probe told'],
  ['that was found without a stop', { stoppedMs: null }, 'reaping went on'],
  ['after which a claim came through', { nextClaimMs: 20_000 }, 'after the brake had been pulled'],
  ['that was dead when it was called alive', { livedUntilMs: 9_000 }, 'its process was dead'],
])('reports a wrong verdict %s', (_, differs, words) => {
  expect(judge(differs)).toEqual([expect.stringContaining(words)]);
});

function judge(differs: Partial<typeof NOTICED>): string[] {
  const { tier, processIdentity, livedUntilMs, foundMs, stoppedMs, activatedMs, nextClaimMs } = {
    ...NOTICED,
    ...differs,
  };
  const brake = new BrakeFacts();
  const learn = (relation: Change['relation'], atMs: number, now: object) =>
    brake.learn({ relation, atMs, xid: '7', old: null, new: now } as unknown as Change);
  if (foundMs !== null) learn('survivor', foundMs, { ledger_id: 1 });
  if (stoppedMs !== null) {
    learn('control', stoppedMs, { mode: 'observe', braked_by: 1 });
    learn('control', activatedMs, { mode: 'active', braked_by: null });
  }
  const row = { reason: 'dead pid=7', host: 'south', tier, processIdentity };
  const facts = {
    terms: { intervalS: 2, graceS: 4, marginS: 60 },
    presence: new PresenceFacts(),
    queue: {
      ledger: [
        { ...row, id: 1, jobId: 'job-1', runId: 'run-1', atMs: REAPED_MS },
        { ...row, id: 2, jobId: 'job-2', runId: 'run-2', atMs: nextClaimMs },
      ],
    },
    // A pid that no process has.
    lives: {
      lives: new Map([['run-1', { pid: 2 ** 30, processIdentity: 'stamp-1', lastMs: livedUntilMs }]]),
    },
    brake,
  } as unknown as Facts;
  return [...brakePulled.check(facts)].map(({ what }) => what);
}
