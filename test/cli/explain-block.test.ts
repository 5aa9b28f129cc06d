import { expect, test } from 'vitest';
import { missing, ALIVE, DEAD, NOW, held, type Cases } from './explain-facts.js';

const cases: Cases = {
  'a pause': [
    { seen: DEAD, running: { block: 'paused by ada: maintenance' } },
    'not reaped yet, because it is paused by ada: maintenance',
    'paused by ada: maintenance; until job-reaper resume',
  ],
  'the dry run': [
    {
      seen: DEAD,
      running: { block: 'observe: dry run, nothing is claimed' },
      facts: {
        wouldBe: [
          { runKey: '1-1', observedAt: NOW, outcome: 'queued', tier: 1, reason: 'dead pid=42', became: null },
        ],
      },
    },
    'until job-reaper activate',
    'run 1-1 would have become queued (dead pid=42, tier 1); still running',
  ],
  'the kill switch': [
    { seen: DEAD, running: { block: 'disabled by REAPER_ENABLED' } },
    'until the worker is started with REAPER_ENABLED=true',
  ],
  'a hold': [
    { seen: DEAD, running: { block: 'held: job j1 by ada', holds: [held()] } },
    'held: job j1 by ada until 2030-01-01T13:00:00Z: debugging; or until job-reaper release job j1',
  ],
  'two holds under a pause': [
    {
      seen: DEAD,
      running: { block: 'paused by ada: x', holds: [held(), held({ kind: 'host', value: 'host-1' })] },
    },
    'until job-reaper resume',
    'job-reaper release job j1',
    'job-reaper release host host-1',
  ],
  'a block of an alive run, which is not the reason': [
    { seen: ALIVE, running: { block: 'paused by ada: x' } },
    'not reaped, because it is alive',
    'paused by ada: x; until job-reaper resume',
  ],
  'a row without a run key': [
    {
      seen: DEAD,
      run: { runKey: null as unknown as string },
      running: { unwatchable: 'its run key is null', watch: { kind: 'none' } },
    },
    'will never be reaped, because its run key is null: fix the row',
    'run none',
  ],
};

test.each(Object.entries(cases))('explain describes %s', (_, each) => {
  expect(missing(each)).toMatchObject({ missing: [] });
});
