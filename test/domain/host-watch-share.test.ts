import { expect, it } from 'vitest';
import { countForHostWatches } from '../../src/domain/host-watch-share.js';

it('counts for each host the runs that its watch could repair, and not those whose gate is to be asked', () => {
  const runs = [
    { host: 'host-1' },
    { host: 'host-1', needsGate: true },
    { host: 'host-2', needsGate: true },
    { host: null },
    { host: 'host-1', needsGate: false },
  ];
  expect(countForHostWatches(runs)).toEqual(
    new Map([
      ['host-1', 2],
      ['', 1],
    ]),
  );
  expect(countForHostWatches([])).toEqual(new Map());
});
