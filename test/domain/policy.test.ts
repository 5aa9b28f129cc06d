import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Liveness, LivenessState } from '../../src/domain/liveness.js';
import { judge } from '../../src/domain/policy.js';
import {
  DEFAULT_POLICY,
  FRESH_MEMORY,
  type JobRun,
  type Policy,
  type Verdict,
  type WatchMemory,
} from '../../src/domain/types.js';
import { aRun } from '../support/run.js';

const INTERVAL_MS = DEFAULT_POLICY.intervalS * 1000;
const GRACE_S = DEFAULT_POLICY.finalizeGraceS;
const MAX_S = DEFAULT_POLICY.maxRunningS;

const alive = seen('alive');
const proven: Liveness = { state: 'alive', proven: true, evidence: 'its stamp matches' };
const dead = seen('dead');
const unknown = seen('unknown');
const defunct = seen('defunct');

function seen(state: LivenessState): Liveness {
  return { state, proven: false, evidence: `looked ${state}` };
}

interface Case {
  run?: Partial<JobRun>;
  liveness?: Liveness;
  memory?: Partial<WatchMemory>;
  policy?: Partial<Policy>;
  nowMs?: number;
  alerted?: boolean;
  alertedUnknown?: boolean;
  skipStreak?: boolean;
}

function decide({
  run,
  liveness = alive,
  memory,
  policy,
  nowMs = 1_000_000,
  alerted = false,
  alertedUnknown = false,
  skipStreak,
}: Case) {
  return judge(
    { run: aRun(run), liveness, alerted, alertedUnknown },
    {
      policy: { ...DEFAULT_POLICY, ...policy },
      memory: { ...FRESH_MEMORY, ...memory },
      nowMs,
      ...(skipStreak !== undefined && { skipStreak }),
    },
  );
}

const reap = (
  tier: 1 | 2 | 3,
  reason: string,
  path: 'unknown-outcome' | 'exit-zero' = 'unknown-outcome',
): Verdict => ({
  kind: 'reap',
  tier,
  path,
  reason,
});

describe('tier 2, exit code recorded', () => {
  it.each([
    ['below the grace', GRACE_S - 1, 1_000],
    ['just recorded', 0, GRACE_S * 1000],
    ['recorded in the future of a stepped clock', -5, INTERVAL_MS],
  ])('defers %s', (_, exitAgeS, waitMs) => {
    const { verdict } = decide({ run: { exitCode: 1, exitAgeS }, liveness: dead });
    expect(verdict).toEqual({
      kind: 'defer',
      why: 'finalizing',
      waitMs,
      line: `job j1 exit_code=1 recorded ${exitAgeS}s ago (< grace 300s), deferring`,
    });
  });

  it.each([GRACE_S, GRACE_S + 1])('reaps at the grace and above it (%i s)', (exitAgeS) => {
    expect(decide({ run: { exitCode: 137, exitAgeS } }).verdict).toEqual(reap(2, 'exit=137'));
    expect(decide({ run: { exitCode: -9, exitAgeS } }).verdict).toEqual(reap(2, 'exit=-9'));
    expect(decide({ run: { exitCode: 0, exitAgeS } }).verdict).toEqual(reap(2, 'exit=0', 'exit-zero'));
  });

  it('reaps at once with a grace of 0', () => {
    expect(decide({ run: { exitCode: 1, exitAgeS: 0 }, policy: { finalizeGraceS: 0 } }).verdict).toEqual(
      reap(2, 'exit=1'),
    );
  });

  it.each([
    ['without a finish time', null, 0],
    ['without a finish time', null, GRACE_S],
    ['with one that is to come', -3_600, 0],
    ['with one that is to come', -3_600, GRACE_S],
  ])('looks again after an interval %s (%s s ago, a grace of %i s)', (_, exitAgeS, finalizeGraceS) => {
    expect(decide({ run: { exitCode: 1, exitAgeS }, policy: { finalizeGraceS } }).verdict).toMatchObject({
      kind: 'defer',
      why: 'finalizing',
      waitMs: INTERVAL_MS,
    });
  });

  describe('of a previous run, which a launcher did not clear', () => {
    const exit = { exitCode: 0, exitAgeS: 400, ageS: 60 };

    it.each([
      ['as the row says', { exitBeforeStart: true }],
      ['as its ages say, where a worker of before does not tell', {}],
      ['as the row says, though its ages do not show it', { exitBeforeStart: true, exitAgeS: 60 }],
    ])('says nothing of a live process, %s', (_, told) => {
      for (const liveness of [alive, proven, unknown])
        expect(decide({ run: { ...exit, ...told }, liveness }).verdict).toEqual({ kind: 'healthy' });
    });

    it('leaves a dead process to the streak, whatever the grace', () => {
      const run = { ...exit, exitBeforeStart: true };
      const first = decide({ run, liveness: dead });
      expect(first.verdict).toMatchObject({ kind: 'defer', why: 'dead' });
      const second = decide({ run, liveness: dead, memory: first.memory, nowMs: 1_000_000 + INTERVAL_MS });
      expect(second.verdict).toEqual(reap(1, 'dead pid=42'));
    });

    it('treats a run over its ceiling like one without an exit code', () => {
      const run = { ...exit, ageS: MAX_S, exitAgeS: 2 * MAX_S };
      expect(decide({ run, liveness: proven }).verdict).toMatchObject({ kind: 'alert', about: 'alive' });
      const policy = { backstopUnknown: 'alert' } as const;
      expect(decide({ run, liveness: unknown, policy }).verdict).toMatchObject({ about: 'unknown' });
    });

    it.each([{ exitBeforeStart: false, exitAgeS: 400 }, { exitAgeS: 61 }, { ageS: null }])(
      'is not one that only may be of a run before (%j)',
      (told) => {
        const { verdict } = decide({ run: { ...exit, ...told }, policy: { finalizeGraceS: 10 } });
        expect(verdict).toEqual(reap(2, 'exit=0', 'exit-zero'));
      },
    );
  });

  describe('that is not clearly younger than the run', () => {
    const exit = { exitCode: 1, exitAgeS: 400, ageS: 400, exitBeforeStart: false, exitNearStart: true };
    const startless = { exitCode: 1, exitAgeS: 90_000, ageS: null };

    it.each([
      ['as the row says', exit],
      ['as its ages say, where a worker of before does not tell', { exitCode: 1, exitAgeS: 400, ageS: 401 }],
      [
        'of a run that does not say when it started',
        { ...startless, exitBeforeStart: false, exitNearStart: true },
      ],
      ['of such a run, where a worker of before does not tell', startless],
    ])('says nothing while the very process is alive, and all once it is not, %s', (_, run) => {
      expect(decide({ run, liveness: proven }).verdict).toEqual({ kind: 'healthy' });
      for (const liveness of [alive, unknown, dead, defunct])
        expect(decide({ run, liveness }).verdict).toEqual(reap(2, 'exit=1'));
    });

    it('leaves a run over its ceiling that is alive to what is said of one without an exit code', () => {
      const run = { ...exit, ageS: MAX_S, exitAgeS: MAX_S };
      expect(decide({ run, liveness: proven }).verdict).toMatchObject({ kind: 'alert', about: 'alive' });
      const policy = { backstopAlive: 'reap' } as const;
      expect(decide({ run, liveness: proven, policy }).verdict).toMatchObject({ kind: 'reap', tier: 3 });
    });

    it.each([{ exitNearStart: false }, { exitNearStart: undefined, ageS: 402 }])(
      'is not one that is clearly younger: an agent has ended, whatever lives on (%j)',
      (told) => {
        const run = { ...exit, ...told } as Partial<JobRun>;
        expect(decide({ run, liveness: proven }).verdict).toEqual(reap(2, 'exit=1'));
      },
    );
  });

  it('drops the streak', () => {
    const { memory } = decide({
      run: { exitCode: 1, exitAgeS: 0 },
      liveness: dead,
      memory: { streak: 1, lastDeadAtMs: 1 },
    });
    expect(memory).toEqual(FRESH_MEMORY);
  });

  it.each([MAX_S - 10, MAX_S, MAX_S + 10])('fires nothing within the grace, at %i s', (ageS) => {
    for (const liveness of [alive, proven, dead, defunct, unknown]) {
      for (const alerted of [false, true]) {
        const run = { exitCode: 0, exitAgeS: GRACE_S - 20, ageS };
        const { verdict } = decide({ run, liveness, alerted, skipStreak: true });
        expect(verdict).toMatchObject({ kind: 'defer', why: 'finalizing', waitMs: 20_000 });
      }
    }
  });

  it.each([null, -5])('leaves only tier 3 without a usable finish time (%s s ago)', (exitAgeS) => {
    const run = { exitCode: 0, exitAgeS, ageS: MAX_S + 1 };
    for (const liveness of [alive, dead, defunct, unknown])
      expect(decide({ run, liveness }).verdict).toEqual(reap(3, 'backstop age=7201s>=7200s'));
    expect(decide({ run, liveness: proven }).verdict).toMatchObject({ kind: 'alert', about: 'alive' });
  });

  it('never reaps by an exit code without a finish time', () => {
    const { verdict } = decide({ run: { exitCode: 0, exitAgeS: null, ageS: MAX_S - 1 } });
    expect(verdict).toMatchObject({ kind: 'defer', why: 'finalizing' });
  });
});

describe('tier 1, dead pid', () => {
  it('counts the first dead observation and waits one interval', () => {
    const { verdict, memory } = decide({ liveness: dead });
    expect(verdict).toEqual({
      kind: 'defer',
      why: 'dead',
      waitMs: INTERVAL_MS,
      line: 'job j1 pid=42 dead (streak 1/2), deferring',
    });
    expect(memory).toEqual({
      ...FRESH_MEMORY,
      streak: 1,
      lastDeadAtMs: 1_000_000,
      firstDeadAtMs: 1_000_000,
    });
  });

  it('does not count a second one before the interval is over', () => {
    const first = { streak: 1, lastDeadAtMs: 1_000_000 };
    const { verdict, memory } = decide({ liveness: dead, memory: first, nowMs: 1_000_000 + INTERVAL_MS - 1 });
    expect(verdict).toMatchObject({ kind: 'defer', waitMs: 1 });
    expect(memory).toMatchObject(first);
  });

  it.each([INTERVAL_MS, INTERVAL_MS + 1])('reaps at the second one, %i ms after the first', (laterMs) => {
    const memory = { streak: 1, lastDeadAtMs: 1_000_000 };
    expect(decide({ liveness: dead, memory, nowMs: 1_000_000 + laterMs }).verdict).toEqual(
      reap(1, 'dead pid=42'),
    );
  });

  describe('with a time of its own between two looks', () => {
    const policy = { confirmS: 2 };
    const first = { streak: 1, lastDeadAtMs: 1_000_000 };
    const old = { ageS: INTERVAL_MS / 1000 };

    it('waits that long, and no longer', () => {
      expect(decide({ run: old, liveness: dead, policy }).verdict).toMatchObject({
        why: 'dead',
        waitMs: 2_000,
      });
      const early = decide({ run: old, liveness: dead, policy, memory: first, nowMs: 1_001_999 });
      expect(early.verdict).toMatchObject({ kind: 'defer', waitMs: 1 });
      const late = decide({ run: old, liveness: dead, policy, memory: first, nowMs: 1_002_000 });
      expect(late.verdict).toEqual(reap(1, 'dead pid=42'));
    });

    it.each([0, INTERVAL_MS / 1000 - 1, null, -5])(
      'waits an interval if the run, %s s old, may still show the process of its last run',
      (ageS) => {
        const run = { ageS };
        expect(decide({ run, liveness: dead, policy }).verdict).toMatchObject({ waitMs: INTERVAL_MS });
        const early = decide({
          run,
          liveness: dead,
          policy,
          memory: first,
          nowMs: 1_000_000 + INTERVAL_MS - 1,
        });
        expect(early.verdict).toMatchObject({ kind: 'defer' });
      },
    );

    it('leaves the looks that only prove no life an interval apart', () => {
      const run = { ageS: MAX_S, processIdentity: 'linux:m:b:1:1' };
      const unproven = decide({ run, liveness: unknown, policy });
      expect(unproven.verdict).toMatchObject({ why: 'unknown', waitMs: INTERVAL_MS });
    });
  });

  it.each([
    ['alive', alive],
    ['unknown', unknown],
    ['proven alive', proven],
  ])('starts over when it is seen %s', (_, liveness) => {
    const { verdict, memory } = decide({ liveness, memory: { streak: 1, lastDeadAtMs: 0 } });
    expect(verdict).toEqual({ kind: 'healthy' });
    expect(memory).toEqual(FRESH_MEMORY);
  });

  it.each([1, 0, -3])('treats %i dead ticks as one', (deadTicks) => {
    expect(decide({ liveness: dead, policy: { deadTicks } }).verdict).toEqual(reap(1, 'dead pid=42'));
  });

  it("lets an operator's request replace the streak, but nothing else", () => {
    const policy = { deadTicks: 5 };
    expect(decide({ liveness: dead, policy, skipStreak: true }).verdict).toEqual(reap(1, 'dead pid=42'));
    expect(decide({ liveness: alive, policy, skipStreak: true }).verdict).toEqual({ kind: 'healthy' });
    expect(decide({ liveness: unknown, policy, skipStreak: true }).verdict).toEqual({ kind: 'healthy' });
    expect(decide({ liveness: defunct, policy, skipStreak: true }).verdict).toMatchObject({ kind: 'defer' });
    expect(
      decide({ run: { exitCode: 0, exitAgeS: 1 }, liveness: dead, policy, skipStreak: true }).verdict,
    ).toMatchObject({
      kind: 'defer',
      why: 'finalizing',
    });
  });

  it('treats a defunct process as alive for the grace, then as dead', () => {
    const first = decide({ liveness: defunct, nowMs: 0 });
    expect(first.verdict).toMatchObject({ kind: 'defer', why: 'defunct', waitMs: GRACE_S * 1000 });
    const just = decide({ liveness: defunct, memory: first.memory, nowMs: GRACE_S * 1000 - 1 });
    expect(just.verdict).toMatchObject({ kind: 'defer', why: 'defunct', waitMs: 1 });
    const then = decide({ liveness: defunct, memory: just.memory, nowMs: GRACE_S * 1000 });
    expect(then.verdict).toMatchObject({
      kind: 'defer',
      why: 'dead',
      line: 'job j1 pid=42 dead (streak 1/2), deferring',
    });
    const last = decide({ liveness: defunct, memory: then.memory, nowMs: GRACE_S * 1000 + INTERVAL_MS });
    expect(last.verdict).toEqual(reap(1, 'dead pid=42'));
  });

  it('lets a defunct look break a streak of dead ones', () => {
    expect(decide({ liveness: defunct, memory: { streak: 1, lastDeadAtMs: 0 } }).memory.streak).toBe(0);
  });
});

describe('tier 3, backstop', () => {
  it.each([
    [MAX_S - 1, { kind: 'healthy' }],
    [MAX_S, reap(3, 'backstop age=7200s>=7200s')],
    [MAX_S + 1, reap(3, 'backstop age=7201s>=7200s')],
    [null, { kind: 'healthy' }],
  ])('goes by the age (%s s)', (ageS, verdict) => {
    expect(decide({ run: { ageS }, liveness: alive }).verdict).toEqual(verdict);
    expect(decide({ run: { ageS }, liveness: unknown }).verdict).toEqual(verdict);
  });

  it.each([
    [60, 59, { kind: 'healthy' }],
    [60, 60, reap(3, 'backstop age=60s>=60s')],
    [0, 60, { kind: 'healthy' }],
    [-1, 60, { kind: 'healthy' }],
  ])("goes by the run's own ceiling (%i s) at %i s", (maxRunningS, ageS, verdict) => {
    expect(decide({ run: { maxRunningS, ageS } }).verdict).toEqual(verdict);
  });

  describe('of a stamped run, whose life can be proven', () => {
    const run = { ageS: MAX_S, processIdentity: 'linux:m:b:1:2' };
    const again = (memory: WatchMemory, laterMs: number, policy: Partial<Policy> = {}, liveness = unknown) =>
      decide({ run, liveness, memory, nowMs: 1_000_000 + laterMs, policy });

    it('needs as many unknown looks in a row as a dead pid needs dead ones, as far apart', () => {
      const first = decide({ run, liveness: unknown });
      expect(first.verdict).toEqual({
        kind: 'defer',
        why: 'unknown',
        waitMs: INTERVAL_MS,
        line: 'job j1 pid=42 unknown over its ceiling (look 1/2), deferring',
      });
      expect(again(first.memory, INTERVAL_MS - 1).verdict).toMatchObject({ kind: 'defer', waitMs: 1 });
      expect(again(first.memory, INTERVAL_MS).verdict).toEqual(reap(3, 'backstop age=7200s>=7200s'));
      expect(again(first.memory, INTERVAL_MS, { deadTicks: 3 }).verdict).toMatchObject({ kind: 'defer' });
    });

    it('starts over when it was seen proven alive', () => {
      const first = decide({ run, liveness: unknown });
      const { verdict, memory } = again(first.memory, INTERVAL_MS, {}, proven);
      expect(verdict).toMatchObject({ kind: 'alert', about: 'alive' });
      expect(again(memory, 2 * INTERVAL_MS).verdict).toMatchObject({ kind: 'defer', why: 'unknown' });
    });

    /** The verdicts of looks that see these in turn, an interval apart or as far as they say, until one is to reap. */
    function series(
      liveness: Liveness[],
      given: Omit<Case, 'liveness' | 'memory' | 'nowMs'> = {},
    ): Verdict[] {
      const verdicts: Verdict[] = [];
      let memory: WatchMemory = FRESH_MEMORY;
      let nowMs = 0;
      for (let n = 0; n < 20; n += 1) {
        const judged = decide({
          run,
          ...given,
          liveness: liveness[n % liveness.length] ?? unknown,
          memory,
          nowMs,
        });
        verdicts.push(judged.verdict);
        if (judged.verdict.kind === 'reap') break;
        ({ memory } = judged);
        nowMs += judged.verdict.kind === 'defer' ? judged.verdict.waitMs : INTERVAL_MS;
      }
      return verdicts;
    }

    it.each<[string, Liveness[], number]>([
      ['dead and unknown', [dead, unknown], 2],
      ['unknown and dead', [unknown, dead], 2],
      ['defunct and unknown', [defunct, unknown], 4],
    ])('counts together what proves no life: %s in turn', (_, looks, count) => {
      const verdicts = series(looks);
      expect([verdicts.length, verdicts.at(-1)]).toEqual([count, reap(3, 'backstop age=7200s>=7200s')]);
      expect(series(looks, { run: { ...run, ageS: 60 } })).toHaveLength(20);
    });

    it('counts them like the looks of one kind: as many, as far apart', () => {
      expect(series([dead, unknown], { policy: { deadTicks: 5 } })).toHaveLength(5);
      const first = decide({ run, liveness: unknown });
      const soon = again(first.memory, INTERVAL_MS - 1, {}, dead);
      expect(soon.verdict).toMatchObject({ kind: 'defer', why: 'dead' });
    });

    it.each<[string, Omit<Case, 'liveness'>]>([
      ['that was alerted about as alive', { alerted: true, alertedUnknown: true }],
      ['whose queue records no exit codes', { policy: { backstopUnknown: 'alert' }, alertedUnknown: true }],
    ])('never counts them for a run %s', (_, given) => {
      expect(series([dead, unknown], given)).toHaveLength(20);
      expect(series([dead], given)).toMatchObject([{ kind: 'defer' }, { kind: 'reap', tier: 1 }]);
    });

    it("does not let an operator's request replace them", () => {
      expect(decide({ run, liveness: unknown, skipStreak: true }).verdict).toMatchObject({ kind: 'defer' });
    });

    it('counts them even if an exit code has no usable time', () => {
      const exited = { ...run, exitCode: 0, exitAgeS: null };
      const first = decide({ run: exited, liveness: unknown });
      expect(first.verdict).toMatchObject({ kind: 'defer', why: 'unknown' });
      const nowMs = 1_000_000 + INTERVAL_MS;
      expect(decide({ run: exited, liveness: unknown, memory: first.memory, nowMs }).verdict).toMatchObject({
        kind: 'reap',
        tier: 3,
      });
    });

    it('needs only one if not even a proof of life would save it', () => {
      const policy = { backstopAlive: 'reap' } as const;
      expect(decide({ run, liveness: unknown, policy }).verdict).toMatchObject({ kind: 'reap', tier: 3 });
      expect(decide({ run, liveness: unknown, policy, alerted: true }).verdict).toMatchObject({ tier: 3 });
    });

    it('is told, once, when it was alerted about as alive and nobody can tell any more, and is never reaped for that', () => {
      expect(decide({ run, liveness: unknown, alerted: true }).verdict).toEqual({
        kind: 'alert',
        about: 'unknown',
        reason: 'backstop age=7200s>=7200s',
      });
      const told = series([unknown], { alerted: true, alertedUnknown: true });
      for (const { kind } of told) expect(kind).toBe('healthy');
    });

    it.each([null, -90_000])(
      'is reaped after that once its exit code is recorded, though without a usable time (%s s ago)',
      (exitAgeS) => {
        const exited = { ...run, exitCode: 0, exitAgeS };
        for (const alertedUnknown of [false, true]) {
          const told = series([unknown], { run: exited, alerted: true, alertedUnknown });
          expect(told).toMatchObject([
            { kind: 'defer', why: 'unknown' },
            { kind: 'reap', tier: 3 },
          ]);
        }
      },
    );

    it('still dies by its streak after that', () => {
      const memory = { streak: 1, lastDeadAtMs: 0 };
      expect(decide({ run, liveness: dead, alerted: true, alertedUnknown: true, memory }).verdict).toEqual(
        reap(1, 'dead pid=42'),
      );
    });
  });

  it('needs only one look at a run without a stamp, which can never be proven alive', () => {
    expect(decide({ run: { ageS: MAX_S }, liveness: unknown }).verdict).toMatchObject({
      kind: 'reap',
      tier: 3,
    });
  });

  it('leaves what looks dead to the streak: one look proves no death', () => {
    const run = { ageS: MAX_S };
    const first = decide({ run, liveness: dead });
    expect(first.verdict).toMatchObject({ kind: 'defer', why: 'dead', waitMs: INTERVAL_MS });
    const second = decide({ run, liveness: dead, memory: first.memory, nowMs: 1_000_000 + INTERVAL_MS });
    expect(second.verdict).toEqual(reap(1, 'dead pid=42'));
  });

  it('leaves what looks defunct to its grace and the streak', () => {
    const run = { ageS: MAX_S };
    const { verdict } = decide({ run, liveness: defunct });
    expect(verdict).toMatchObject({ kind: 'defer', why: 'defunct', waitMs: GRACE_S * 1000 });
  });

  it.each([dead, defunct])('does not make a look earlier because of the ceiling', (liveness) => {
    const near = decide({ run: { ageS: MAX_S - 1 }, liveness }).verdict;
    expect(near).toEqual(decide({ run: { ageS: 60 }, liveness }).verdict);
  });

  it('only alerts, once, about a run that is proven alive', () => {
    const run = { ageS: MAX_S };
    expect(decide({ run, liveness: proven }).verdict).toEqual({
      kind: 'alert',
      about: 'alive',
      reason: 'backstop age=7200s>=7200s',
    });
    expect(decide({ run, liveness: proven, alerted: true }).verdict).toEqual({ kind: 'healthy' });
  });

  describe('on a queue without exit codes', () => {
    const policy = { backstopUnknown: 'alert' } as const;
    const run = { ageS: MAX_S };
    const alert = { kind: 'alert', about: 'unknown', reason: 'backstop age=7200s>=7200s' };

    it.each(['unknown', 'alive'] as const)('only alerts, once, about a run that is %s', (state) => {
      const liveness = seen(state);
      expect(decide({ run, liveness, policy }).verdict).toEqual(alert);
      expect(decide({ run, liveness, policy, alertedUnknown: true }).verdict).toEqual({ kind: 'healthy' });
      // The alert from when it was proven alive says nothing about now.
      expect(decide({ run, liveness, policy, alerted: true }).verdict).toEqual(alert);
    });

    it('leaves what looks dead or defunct to the streak: one look proves nothing', () => {
      expect(decide({ run, liveness: dead, policy }).verdict).toMatchObject({ kind: 'defer', why: 'dead' });
      expect(decide({ run, liveness: seen('defunct'), policy }).verdict).toMatchObject({ kind: 'defer' });
      const memory = { streak: 1, lastDeadAtMs: 0 };
      expect(decide({ run, liveness: dead, memory, policy }).verdict).toEqual(reap(1, 'dead pid=42'));
    });

    it('reaps a run whose exit code is recorded after all: it has ended', () => {
      const exited = { ageS: MAX_S, exitCode: 0, exitAgeS: null };
      expect(decide({ run: exited, liveness: seen('unknown'), policy }).verdict).toMatchObject({ tier: 3 });
    });

    it('uses the other setting for a run that is proven alive', () => {
      expect(decide({ run, liveness: proven, policy }).verdict).toMatchObject({ about: 'alive' });
      const both = { ...policy, backstopAlive: 'reap' } as const;
      expect(decide({ run, liveness: proven, policy: both }).verdict).toMatchObject({
        kind: 'reap',
        tier: 3,
      });
    });
  });

  it('reaps one that is proven alive when told so', () => {
    const policy = { backstopAlive: 'reap' } as const;
    expect(decide({ run: { ageS: MAX_S }, liveness: proven, policy }).verdict).toEqual(
      reap(3, 'backstop age=7200s>=7200s'),
    );
  });
});

describe('for any history of observations', () => {
  const observations = fc.array(
    fc.record({
      state: fc.constantFrom<LivenessState>('alive', 'dead', 'defunct', 'unknown'),
      proven: fc.boolean(),
      laterMs: fc.integer({ min: 0, max: 2 * INTERVAL_MS }),
      ageS: fc.option(fc.integer({ min: -10, max: 2 * MAX_S })),
      exitCode: fc.option(fc.integer({ min: -1, max: 3 })),
      exitAgeS: fc.option(fc.integer({ min: -10, max: 2 * GRACE_S })),
      skipStreak: fc.boolean(),
    }),
    { minLength: 1, maxLength: 30 },
  );
  const policies = fc.record({
    confirmS: fc.constantFrom(1, INTERVAL_MS / 1000),
    deadTicks: fc.integer({ min: -1, max: 5 }),
    backstopAlive: fc.constantFrom<'alert' | 'reap'>('alert', 'reap'),
    backstopUnknown: fc.constantFrom<'alert' | 'reap'>('alert', 'reap'),
  });

  it('keeps the promises', () => {
    fc.assert(
      fc.property(observations, policies, (history, policy) => {
        let memory: WatchMemory = FRESH_MEMORY;
        let nowMs = 0;
        /** Times of the dead observations since anything else was seen. */
        let deadSince: number[] = [];
        for (const { state, laterMs, skipStreak, ...look } of history) {
          nowMs += laterMs;
          const isProven = look.proven && state === 'alive';
          const { ageS, exitCode, exitAgeS } = look;
          const isOlder = exitAgeS !== null && ageS !== null && exitAgeS > ageS + 1;
          const isNear = exitAgeS !== null && (ageS === null || exitAgeS >= ageS - 1);
          const hasExited = exitCode !== null && !isOlder && !(isNear && isProven);
          deadSince = state === 'dead' && !hasExited ? [...deadSince, nowMs] : [];
          const liveness = { state, proven: isProven, evidence: '' };
          const judged = decide({
            run: { ageS, exitCode, exitAgeS },
            liveness,
            memory,
            nowMs,
            policy,
            skipStreak,
          });
          const { verdict } = judged;
          memory = judged.memory;
          if (verdict.kind === 'defer') expect(verdict.waitMs).toBeGreaterThan(0);
          if (verdict.kind !== 'reap') continue;

          const mayReapAlive = hasExited || policy.backstopAlive === 'reap';
          if (isProven && !mayReapAlive) expect.unreachable('reaped a run that is proven alive');
          if (policy.backstopUnknown === 'alert' && verdict.tier === 3 && !hasExited && !isProven)
            expect.unreachable('reaped a run of which nobody can tell');
          if (verdict.tier === 1 && state === 'dead' && !skipStreak && memory.defunctSinceMs === null) {
            const first = deadSince[0] ?? nowMs;
            expect(deadSince.length).toBeGreaterThanOrEqual(Math.max(1, policy.deadTicks));
            const isOld = ageS !== null && ageS >= INTERVAL_MS / 1000;
            const apartMs = isOld ? policy.confirmS * 1000 : INTERVAL_MS;
            if (policy.confirmS * 1000 === INTERVAL_MS || isOld)
              expect(nowMs - first).toBeGreaterThanOrEqual((Math.max(1, policy.deadTicks) - 1) * apartMs);
          }
          if (verdict.tier === 1)
            expect([hasExited, ['dead', 'defunct'].includes(state)]).toEqual([false, true]);
          if (verdict.tier === 2) expect(hasExited).toBe(true);
          if (verdict.tier === 2) expect(exitAgeS ?? -1).toBeGreaterThanOrEqual(GRACE_S);
          if (verdict.path === 'exit-zero') expect(exitCode).toBe(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('never waits 0 s, nor forever, whatever the settings and the rows say', () => {
    const settings = fc.record({
      intervalS: fc.double({ min: 0.1, max: 3_600, noNaN: true }),
      confirmS: fc.double({ min: 0.1, max: 3_600, noNaN: true }),
      finalizeGraceS: fc.double({ min: 0, max: 3_600, noNaN: true }),
      maxRunningS: fc.double({ min: 0.1, max: 100_000, noNaN: true }),
      deadTicks: fc.integer({ min: 1, max: 5 }),
    });
    const ages = fc.option(fc.integer({ min: -100_000, max: 100_000 }));
    const looks = fc.record({
      state: fc.constantFrom<LivenessState>('alive', 'dead', 'defunct', 'unknown'),
      laterMs: fc.double({ min: 0, max: 10_000, noNaN: true }),
      ageS: ages,
      maxRunningS: ages,
      exitCode: fc.option(fc.constantFrom(0, 1)),
      exitAgeS: ages,
    });
    fc.assert(
      fc.property(settings, fc.array(looks, { minLength: 1, maxLength: 6 }), (policy, history) => {
        let memory: WatchMemory = FRESH_MEMORY;
        let nowMs = 0;
        for (const { state, laterMs, ...run } of history) {
          nowMs += laterMs;
          const judged = decide({ run, liveness: seen(state), memory, nowMs, policy });
          memory = judged.memory;
          if (judged.verdict.kind !== 'defer') continue;
          const { waitMs } = judged.verdict;
          expect(Number.isSafeInteger(waitMs) && waitMs >= 1, String(waitMs)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
