import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeLease, judgeUnreadable, type Lease } from '../../src/domain/lease.js';
import type { Liveness, LivenessState } from '../../src/domain/liveness.js';

const START = new Date('2026-01-31T12:00:00Z');

function after(seconds: number): Date {
  return new Date(START.getTime() + seconds * 1000);
}

function aLease(lease: Partial<Lease> = {}): Lease {
  const holder = { pid: 71, host: 'host-1', identity: null };
  return { repo: 'web', token: 't', ...holder, heldSince: START, acquiredAt: START, ttlS: 60, ...lease };
}

function liveness(state: LivenessState, proven = false): Liveness {
  return { state, proven, evidence: 'as seen' };
}

describe('a lease', () => {
  it.each<[LivenessState, boolean, number, boolean]>([
    ['dead', false, 0, true],
    ['dead', false, 61, true],
    ['alive', true, 59, false],
    ['alive', true, 60, false],
    ['alive', true, 1e9, false],
    ['alive', false, 59.999, false],
    ['alive', false, 60, true],
    ['unknown', false, 59.999, false],
    ['unknown', false, 60, true],
    ['unknown', false, 61, true],
    ['defunct', false, 59.999, false],
    ['defunct', false, 60, true],
  ])('of a holder %s (proven: %s), %ss into a TTL of 60s: stale is %s', (state, proven, ageS, stale) => {
    expect(judgeLease(aLease(), START, liveness(state, proven), after(ageS)).stale).toBe(stale);
  });

  it('gets a reason, with its age or the proof', () => {
    const reasonOf = (state: LivenessState, proven: boolean, ageS: number) =>
      judgeLease(aLease(), START, liveness(state, proven), after(ageS)).reason;
    expect(reasonOf('dead', false, 5)).toBe('holder dead: as seen');
    expect(reasonOf('alive', true, 99)).toBe('holder alive: as seen');
    expect(reasonOf('unknown', false, 5)).toBe('age=5s<60s, holder unknown: as seen');
    expect(reasonOf('unknown', false, 61.9)).toBe('age=61s>=60s, holder unknown: as seen');
  });

  it('from the future is judged by the age of its file', () => {
    const lease = aLease({ acquiredAt: after(1e9) });
    expect(judgeLease(lease, START, liveness('unknown'), after(59)).stale).toBe(false);
    expect(judgeLease(lease, START, liveness('unknown'), after(60)).stale).toBe(true);
  });

  it('is never stale while its holder is proven alive, and always when it is dead', () => {
    const time = fc.date({ noInvalidDate: true });
    fc.assert(
      fc.property(
        time,
        time,
        time,
        fc.double({ min: 0, noNaN: true }),
        (acquiredAt, writtenAt, now, ttlS) => {
          const lease = aLease({ acquiredAt, ttlS });
          expect(judgeLease(lease, writtenAt, liveness('alive', true), now).stale).toBe(false);
          expect(judgeLease(lease, writtenAt, liveness('dead'), now).stale).toBe(true);
        },
      ),
    );
  });
});

describe('an unreadable file', () => {
  it.each([
    [-5, false],
    [599.999, false],
    [600, true],
    [601, true],
  ])('%ss old: stale is %s', (ageS, stale) => {
    const verdict = judgeUnreadable('the file is empty', START, after(ageS));
    expect(verdict.stale).toBe(stale);
    expect(verdict.reason).toContain('unreadable: the file is empty');
  });
});
