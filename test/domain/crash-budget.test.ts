import { describe, expect, it } from 'vitest';
import { planClaim } from '../../src/domain/claim-plan.js';
import { judgeCrashes, type CrashFacts } from '../../src/domain/crash-budget.js';
import { declaredGone, declaredPlaceGone } from '../../src/domain/declaration.js';
import type { DeathCause, Liveness } from '../../src/domain/liveness.js';
import { DEFAULT_POLICY, FRESH_MEMORY, type Policy, type Tier } from '../../src/domain/types.js';
import { aRun } from '../support/run.js';

const died = (cause?: DeathCause): Liveness => ({
  state: 'dead',
  proven: false,
  ...(cause && { cause }),
  evidence: 'pid 42 absent',
});
const facts = (earlier: number, alone: boolean | null): CrashFacts => ({ earlier, alone });

describe('the crash budget', () => {
  it.each<[string, number | undefined, CrashFacts | null | undefined, DeathCause | undefined, Tier, object]>([
    ['within it', 3, facts(2, null), 'process', 1, { is: null }],
    ['over it, alone', 3, facts(3, true), 'process', 1, { deaths: 4, alone: true, outcome: 'failed' }],
    [
      'over it, with others',
      3,
      facts(3, false),
      'process',
      1,
      { deaths: 4, alone: false, outcome: 'queued' },
    ],
    ['over it, not looked at', 3, facts(3, null), 'process', 1, { alone: false, outcome: 'queued' }],
    ['far over it', 1, facts(7, true), 'process', 1, { deaths: 8, outcome: 'failed' }],
    ['without a budget', undefined, facts(9, true), 'process', 1, { is: null }],
    ['without facts', 3, null, 'process', 1, { is: null }],
    ['looked at by an older worker', 3, undefined, 'process', 1, { is: null }],
    ['after a reboot', 3, facts(9, true), 'reboot', 1, { is: null }],
    ['on a host declared gone', 3, facts(9, true), 'host-gone', 1, { is: null }],
    ['in a boot declared gone', 3, facts(9, true), 'boot-gone', 1, { is: null }],
    ['seen by an older probe', 3, facts(9, true), undefined, 1, { is: null }],
    ['by its exit code', 3, facts(9, true), 'process', 2, { is: null }],
    ['by its age', 3, facts(9, true), 'process', 3, { is: null }],
  ])('%s', (_, maxCrashes, crashes, cause, tier, expected) => {
    const judged = judgeCrashes(
      { tier, liveness: died(cause), crashes },
      maxCrashes === undefined ? {} : { maxCrashes },
    );
    expect(judged ?? { is: null }).toMatchObject(expected);
  });
});

describe('a claim over the budget', () => {
  const policy: Policy = { ...DEFAULT_POLICY, maxCrashes: 2 };
  const killed = { kind: 'reap', tier: 1, path: 'unknown-outcome', reason: 'dead pid=42' } as const;
  const plan = (crashes: CrashFacts | null, attempts = 1) =>
    planClaim(
      killed,
      { run: aRun({ attempts }), liveness: died('process'), alerted: false, crashes },
      FRESH_MEMORY,
      policy,
      null,
    );

  it('fails the job that was alone in its process, and says why', () => {
    expect(plan(facts(2, true))).toMatchObject({
      outcome: 'failed',
      tier: 1,
      reason: 'crash budget deaths=3>2: dead pid=42',
      error: 'reaped: crash budget deaths=3>2: dead pid=42 (run_id=r1)',
      evidence: {
        crashBudget: { max: 2, deaths: 3, alone: true, outcome: 'failed' },
        policy: { maxCrashes: 2 },
      },
    });
  });

  it('requeues one that was not, with what the alert needs', () => {
    expect(plan(facts(2, false))).toMatchObject({
      outcome: 'queued',
      reason: 'dead pid=42',
      error: 'reaped: dead pid=42 (run_id=r1)',
      evidence: { crashBudget: { max: 2, deaths: 3, alone: false, outcome: 'queued' } },
    });
  });

  it('is an ordinary one if the attempts are used up, or the budget is not', () => {
    for (const ordinary of [plan(facts(2, true), 2), plan(facts(1, null)), plan(null)]) {
      expect(ordinary).toMatchObject({ reason: 'dead pid=42' });
      expect(ordinary.evidence).not.toHaveProperty('crashBudget');
    }
    expect(plan(facts(2, true), 2).outcome).toBe('failed');
  });
});

it('does not count what an operator declared', () => {
  expect(declaredGone('ada').cause).toBe('host-gone');
  expect(declaredPlaceGone('host declared replaced by ada: …').cause).toBe('host-gone');
  expect(declaredPlaceGone('boot 1 declared gone by ada').cause).toBe('boot-gone');
});
