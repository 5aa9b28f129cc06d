import { expect, test } from 'vitest';
import { FAULTS } from './faults/index.js';
import { LONG_RUN_S, SURE, type Drawn, type Fate } from './schedule.js';
import { findShortfalls, type Effort } from './shortfalls.js';
import { Tally } from './tally.js';

const tally = (done: number, failed = 0): Tally =>
  Object.assign(new Tally(), { done, failed, lastError: failed > 0 ? 'Postgres is away' : '' });
const times = (n: number, fate: Fate, kind: string, error?: string): Drawn[] =>
  Array.from({ length: n }, () => ({ kind, fate, ...(error !== undefined && { error }) }));
const sure = SURE.flatMap(({ kind }) => times(1, 'injected', kind));

/** A run as hard as planned, except for this. */
const effort = (but: Partial<Effort>): Effort => ({
  seconds: 36,
  drawn: [...sure, ...times(30, 'injected', 'agent: SIGKILL'), ...times(20, 'nobody', 'agent: SIGKILL')],
  looks: tally(12, 3),
  histories: tally(2, 1),
  ...but,
});

test('a run that broke and checked enough has no shortfall', () => {
  expect(findShortfalls(effort({}))).toEqual([]);
});

test.each<[string, Partial<Effort>, string]>([
  [
    'only the sure kinds were injected',
    { drawn: [...sure, ...times(7, 'nobody', 'a')] },
    'of 10 faults to be injected, got 3',
  ],
  [
    'many faults failed',
    { drawn: [...sure, ...times(16, 'injected', 'a'), ...times(10, 'failed', 'b', 'is broken')] },
    'at most 33 % of 29 faults to fail, got 10 (last failure, b: is broken)',
  ],
  [
    'most faults were skipped',
    { drawn: [...sure, ...times(10, 'injected', 'a'), ...times(27, 'left out', 'b')] },
    'at least 33 % of 40 faults to be injected, got 13',
  ],
  ...SURE.map(({ kind }): [string, Partial<Effort>, string] => [
    `a sure kind failed: ${kind}`,
    {
      drawn: [
        ...sure.filter((each) => each.kind !== kind),
        ...times(30, 'injected', 'a'),
        ...times(1, 'failed', kind, 'is away'),
      ],
    },
    `expected "${kind}" to be injected, but it never was (last failure, ${kind}: is away)`,
  ]),
  [
    'a kind never found a target',
    { drawn: [...sure, ...times(80, 'injected', 'a'), ...times(40, 'nobody', 'b')] },
    'expected "b", which was tried 40 times, to be injected, but it never was',
  ],
  ['most looks failed', { looks: tally(5, 6) }, 'of 11 looks at all facts to succeed'],
  ['there was no look', { looks: tally(0) }, 'of 0 looks at all facts to succeed'],
  ['no history could be read', { histories: tally(0, 3) }, 'got 0 (last failure: Postgres is away)'],
])('a run proves little when %s', (_, but, words) => {
  expect(findShortfalls(effort(but))).toEqual([expect.stringContaining(words)]);
});

test('a long run proves little when a kind of fault was never injected', () => {
  const [missing, ...others] = FAULTS;
  const drawn = others.flatMap(({ kind }) => times(2, 'injected', kind));
  expect(findShortfalls(effort({ seconds: LONG_RUN_S, drawn }))).toEqual([
    expect.stringContaining(`expected "${missing?.kind}" to be injected, but it never was`),
  ]);
  expect(findShortfalls(effort({ seconds: LONG_RUN_S - 1, drawn }))).toEqual([]);
});
