import { expect, it } from 'vitest';
import { Scanner, type ProcessList } from '../../src/liveness/scan.js';

/** Lists that end when the test says so. */
function heldLists() {
  const begun: { list: ProcessList; end: () => void }[] = [];
  const scanner = new Scanner(
    () =>
      new Promise((resolve) => {
        const list: ProcessList = {
          beganMs: performance.now(),
          view: null,
          incomplete: null,
          withPid: () => [],
          childrenOf: () => [],
        };
        begun.push({ list, end: () => resolve(list) });
      }),
  );
  return { scanner, begun };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('all who ask before a list begins share it, and who asks later gets the next one', async () => {
  const { scanner, begun } = heldLists();
  const early = [scanner.listSince(performance.now()), scanner.listSince(performance.now())];
  await settled();
  expect(begun).toHaveLength(1);
  const late = [scanner.listSince(performance.now()), scanner.listSince(performance.now())];
  await settled();
  // One at a time.
  expect(begun).toHaveLength(1);
  begun[0]?.end();
  expect(await Promise.all(early)).toEqual([begun[0]?.list, begun[0]?.list]);
  await settled();
  expect(begun).toHaveLength(2);
  begun[1]?.end();
  expect(await Promise.all(late)).toEqual([begun[1]?.list, begun[1]?.list]);
});

it('a list serves again whoever is content with its time, and nobody who asked after it began', async () => {
  const { scanner, begun } = heldLists();
  const beforeMs = performance.now();
  const first = scanner.listSince(beforeMs);
  await settled();
  begun[0]?.end();
  await first;
  expect(await scanner.listSince(beforeMs)).toBe(await first);
  const later = scanner.listSince(performance.now());
  await settled();
  expect(begun).toHaveLength(2);
  begun[1]?.end();
  expect(await later).not.toBe(await first);
});
