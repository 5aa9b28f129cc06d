import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shareOut } from '../../src/domain/places.js';

const first = (id: string) => ({ id, isRetry: false });
const retry = (id: string) => ({ id, isRetry: true });
const ids = (targets: { id: string }[]) => targets.map(({ id }) => id);

it('gives free places in the given order, those that failed before last', () => {
  const targets = [retry('r1'), first('a'), retry('r2'), first('b')];
  const { begun, waiting } = shareOut(targets, { places: 8, taken: 5, takenByRetries: 0 });
  expect(ids(begun)).toEqual(['a', 'b', 'r1']);
  expect(ids(waiting)).toEqual(['r2']);
});

it('gives those that failed before at most a quarter of all places, and at least one', () => {
  const targets = Array.from({ length: 9 }, (_, n) => retry(`r${n}`));
  expect(shareOut(targets, { places: 8, taken: 0, takenByRetries: 0 }).begun).toHaveLength(2);
  expect(shareOut(targets, { places: 8, taken: 1, takenByRetries: 1 }).begun).toHaveLength(1);
  expect(shareOut(targets, { places: 8, taken: 2, takenByRetries: 2 }).begun).toHaveLength(0);
  expect(shareOut(targets, { places: 1, taken: 0, takenByRetries: 0 }).begun).toHaveLength(1);
});

it('never gives more than there are, and forgets none', () => {
  const target = fc.record({ id: fc.string(), isRetry: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(target, { maxLength: 40 }),
      fc.nat({ max: 30 }),
      fc.nat({ max: 40 }),
      fc.nat({ max: 10 }),
      (targets, places, taken, takenByRetries) => {
        const { begun, waiting } = shareOut(targets, { places, taken, takenByRetries });
        expect(begun.length).toBeLessThanOrEqual(Math.max(0, places - taken));
        expect(begun.length + waiting.length).toBe(targets.length);
        // A run that failed before waits as long as any other waits.
        if (waiting.some(({ isRetry }) => !isRetry)) expect(begun.some(({ isRetry }) => isRetry)).toBe(false);
      },
    ),
  );
});
