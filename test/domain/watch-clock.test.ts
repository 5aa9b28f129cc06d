import fc from 'fast-check';
import { expect, it } from 'vitest';
import { advanceClock, type WatchClock } from '../../src/domain/watch-clock.js';

const HOUR_MS = 3_600_000;

it("begins with Temporal's clock, and continues with it if the database is not asked", () => {
  const first = advanceClock(null, 1_000, null);
  expect(first.nowMs).toBe(1_000);
  expect(advanceClock(first, 1_700, null).nowMs).toBe(1_700);
});

it('follows both if neither steps', () => {
  const first = advanceClock(null, 1_000, 50);
  expect(advanceClock(first, 1_700, 750).nowMs).toBe(1_700);
});

it.each([
  ["Temporal's", 1_000 + HOUR_MS, 50 + 300],
  ["the database's", 1_000 + 300, 50 + HOUR_MS],
])('does not follow %s clock that is set forward', (_, temporalMs, databaseMs) => {
  expect(advanceClock(advanceClock(null, 1_000, 50), temporalMs, databaseMs).nowMs).toBe(1_300);
});

it.each([
  ["Temporal's", 1_000 - HOUR_MS, 50 + 300],
  ["the database's", 1_000 + 300, 50 - HOUR_MS],
])('stands still while %s clock is set back, and continues from there', (_, temporalMs, databaseMs) => {
  const back = advanceClock(advanceClock(null, 1_000, 50), temporalMs, databaseMs);
  expect(back.nowMs).toBe(1_000);
  expect(advanceClock(back, temporalMs + 200, databaseMs + 200).nowMs).toBe(1_200);
});

it('is never ahead of the time that really passed, whichever clock steps, and never goes back', () => {
  const step = fc.option(fc.integer({ min: -HOUR_MS, max: HOUR_MS }), { nil: 0, freq: 3 });
  // Both may step, but not in the same look: then a step could not be told from passing time.
  const look = fc.record({ passedMs: fc.nat(60_000), step, whose: fc.constantFrom('temporal', 'database') });
  fc.assert(
    fc.property(fc.array(look, { minLength: 1, maxLength: 20 }), (looks) => {
      const wall = { temporal: 1_000_000, database: 7_000 };
      let clock: WatchClock = advanceClock(null, wall.temporal, wall.database);
      let trueMs = clock.nowMs;
      for (const { passedMs, step: stepMs, whose } of looks) {
        wall.temporal += passedMs;
        wall.database += passedMs;
        wall[whose] += stepMs;
        trueMs += passedMs;
        const next = advanceClock(clock, wall.temporal, wall.database);
        expect(next.nowMs).toBeLessThanOrEqual(trueMs);
        expect(next.nowMs).toBeGreaterThanOrEqual(clock.nowMs);
        clock = next;
      }
    }),
  );
});
