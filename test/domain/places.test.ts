import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Line, queueUp, type Places, type Waiting } from '../../src/domain/places.js';

const first = (watchId: string) => ({ watchId, isRetry: false });
const retry = (watchId: string) => ({ watchId, isRetry: true });
const ids = (targets: { watchId: string }[]) => targets.map(({ watchId }) => watchId);
const queue: Waiting[] = [];

function shareOut(targets: Waiting[], { queue, ...places }: Places & { queue: Waiting[] }) {
  const line = new Line<Waiting>(queue);
  for (const target of targets) line.add(target);
  return { begun: line.shareOut(places), waiting: line.waiting };
}

it('gives free places in the given order, those that failed before last', () => {
  const targets = [retry('r1'), first('a'), retry('r2'), first('b')];
  const { begun, waiting } = shareOut(targets, { places: 8, taken: 5, takenByRetries: 0, queue });
  expect(ids(begun)).toEqual(['a', 'b', 'r1']);
  expect(ids(waiting)).toEqual(['r2']);
});

it('gives those that failed before at most a quarter of all places, and at least one', () => {
  const targets = Array.from({ length: 9 }, (_, n) => retry(`r${n}`));
  expect(shareOut(targets, { places: 8, taken: 0, takenByRetries: 0, queue }).begun).toHaveLength(2);
  expect(shareOut(targets, { places: 8, taken: 1, takenByRetries: 1, queue }).begun).toHaveLength(1);
  expect(shareOut(targets, { places: 8, taken: 2, takenByRetries: 2, queue }).begun).toHaveLength(0);
  expect(shareOut(targets, { places: 1, taken: 0, takenByRetries: 0, queue }).begun).toHaveLength(1);
});

it('gives a place first to who has waited longest, even to those that failed before', () => {
  const targets = [first('a'), first('b'), retry('r1'), first('c')];
  const shared = shareOut(targets, {
    places: 8,
    taken: 6,
    takenByRetries: 0,
    queue: [retry('r1'), first('c')],
  });
  expect(ids(shared.begun)).toEqual(['r1', 'c']);
  expect(ids(shared.waiting)).toEqual(['a', 'b']);
});

it('keeps a place for one in the queue that is not there yet', () => {
  const waits = { places: 8, taken: 6, takenByRetries: 0, queue: [first('x'), first('a')] };
  expect(ids(shareOut([first('a'), first('b')], waits).begun)).toEqual(['a']);
  expect(ids(shareOut([first('b')], waits).begun)).toEqual([]);
});

it('keeps no place any longer once the line is closed, and lets who comes twice or in parts keep its turn', () => {
  const line = new Line<Waiting>([first('x'), first('a')]);
  for (const target of [first('b'), first('c'), first('b')]) line.add(target);
  const places = { places: 8, taken: 6, takenByRetries: 0 };
  expect(line.shareOut(places)).toEqual([]);
  line.add(first('a'));
  expect(ids(line.shareOut({ ...places, taken: 7 }))).toEqual([]);
  line.close();
  expect(ids(line.shareOut(places))).toEqual(['a', 'b']);
  expect(ids(line.waiting)).toEqual(['c']);
  line.remove('c');
  expect(line.isEmpty).toBe(true);
});

it('keeps no place for those that failed before beyond their quarter', () => {
  const waits = { places: 8, taken: 4, takenByRetries: 2, queue: [retry('r1'), retry('r2'), first('x')] };
  expect(ids(shareOut([first('a'), first('b'), first('c'), first('d')], waits).begun)).toEqual([
    'a',
    'b',
    'c',
  ]);
});

it('keeps the turn of more runs than there are places, but not of any number', () => {
  const waiting = Array.from({ length: 4_000 }, (_, n) => (n % 2 === 0 ? first(`f${n}`) : retry(`r${n}`)));
  const queue = queueUp(waiting);
  expect(queue.filter(({ isRetry }) => !isRetry)).toHaveLength(1_000);
  expect(queue.filter(({ isRetry }) => isRetry)).toHaveLength(250);
  expect(queue.slice(0, 2)).toEqual([first('f0'), retry('r1')]);
});

it('queues in the order of their turn, of those that failed before at most a quarter', () => {
  const waiting = [retry('r1'), first('a'), retry('r2'), first('b'), first('c'), first('d'), first('e')];
  expect(ids(queueUp(waiting, 4))).toEqual(['r1', 'a', 'b', 'c', 'd']);
});

it('never gives more than there are, and forgets none', () => {
  const target = fc.record({ watchId: fc.string(), isRetry: fc.boolean() });
  const several = fc.uniqueArray(target, { maxLength: 40, selector: ({ watchId }) => watchId });
  fc.assert(
    fc.property(
      several,
      several,
      fc.nat({ max: 30 }),
      fc.nat({ max: 40 }),
      fc.nat({ max: 10 }),
      (targets, queue, places, taken, takenByRetries) => {
        const { begun, waiting } = shareOut(targets, { places, taken, takenByRetries, queue });
        expect(begun.length).toBeLessThanOrEqual(Math.max(0, places - taken));
        expect(ids([...begun, ...waiting]).sort()).toEqual(ids(targets).sort());
        expect(begun.filter(({ isRetry }) => isRetry).length).toBeLessThanOrEqual(
          Math.max(0, Math.max(1, Math.floor(places / 4)) - takenByRetries),
        );
        // Without a queue, a run that failed before waits as long as any other waits.
        const unqueued = shareOut(targets, { places, taken, takenByRetries, queue: [] });
        if (unqueued.waiting.some(({ isRetry }) => !isRetry))
          expect(unqueued.begun.some(({ isRetry }) => isRetry)).toBe(false);
      },
    ),
  );
});

it('keeps a quarter of all places for dead processes, whoever waits longer', () => {
  const dead = (watchId: string) => ({ watchId, isRetry: false, isDead: true });
  const others = Array.from({ length: 9 }, (_, n) => first(`o${n}`));
  const places = { places: 8, taken: 0, takenByRetries: 0, isReserving: true, queue: others };
  const shared = shareOut([...others, dead('d1'), dead('d2'), dead('d3')], places);
  expect(ids(shared.begun)).toEqual(['o0', 'o1', 'o2', 'o3', 'o4', 'o5', 'd1', 'd2']);
  expect(ids(shared.waiting)).toEqual(['o6', 'o7', 'o8', 'd3']);
  // Dead processes may have all places; those that others already have count.
  const deads = Array.from({ length: 9 }, (_, n) => dead(`d${n}`));
  expect(shareOut(deads, { ...places, queue }).begun).toHaveLength(8);
  expect(shareOut([first('o')], { ...places, taken: 6, takenByOthers: 6, queue }).begun).toEqual([]);
  expect(shareOut([first('o')], { ...places, taken: 6, takenByOthers: 5, queue }).begun).toHaveLength(1);
  expect(shareOut([first('o')], { ...places, places: 1, queue }).begun).toHaveLength(1);
});

it('says whether keeping places makes a difference', () => {
  const line = new Line<Waiting>(queue);
  const places = { places: 4, taken: 3, takenByRetries: 0, takenByOthers: 3 };
  expect(line.keepsPlaces(places)).toBe(false);
  line.add({ watchId: 'd', isRetry: false, isDead: true });
  expect(line.keepsPlaces(places)).toBe(false);
  line.add(first('o'));
  expect(line.keepsPlaces({ ...places, taken: 4 })).toBe(false);
  expect(line.keepsPlaces({ ...places, places: 8, taken: 6, takenByOthers: 6 })).toBe(true);
});
