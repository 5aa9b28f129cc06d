import { expect, it } from 'vitest';
import { readSymptomReport } from '../../src/workflows/messages.js';
import { Reaper } from '../../src/workflows/reaper-state.js';

it('carries what was reported into the next execution', () => {
  const carriedBy = (one: Reaper) => JSON.parse(JSON.stringify(one.carry())) as ReturnType<Reaper['carry']>;
  const one = new Reaper(undefined);
  const [h1, h2] = ['h1', 'h2'].map((host) => ({ host, queue: `r/probe/${host}` }));
  if (!h1 || !h2) throw new Error('Expected two reports');
  one.report(h1);
  one.report(h1);
  one.examining.set('h2', h2);
  expect([...new Reaper(carriedBy(one)).reported.values()]).toEqual([h2, h1]);
  const older = carriedBy(one);
  delete older.reported;
  delete older.scanned;
  const next = new Reaper(older);
  expect([next.reported.size, next.scanned]).toEqual([0, null]);
});

it('reads a report', () => {
  expect(readSymptomReport('r', { host: 'h1' })).toEqual({ host: 'h1', queue: 'r/probe/h1' });
  const hashed = { host: 'ö', queue: `r/probe/sha256-${'0'.repeat(64)}` };
  expect(readSymptomReport('r', hashed)).toEqual(hashed);
  for (const queue of ['other/probe/x', 'r/probe/', 'r/probe/\ud83d', 'r/probe/a\0b', 'r/probe/a/b', 7]) {
    expect(readSymptomReport('r', { ...hashed, queue })).toBeNull();
  }
});
