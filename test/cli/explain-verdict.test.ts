import { expect, test } from 'vitest';
import { missing, ALIVE, DEAD, DEFUNCT, UNKNOWN, NOW, type Cases } from './explain-facts.js';

const cases: Cases = {
  'an alive run': [
    { seen: ALIVE, run: { ageS: 70 } },
    'Job j1 is running and not reaped, because it is alive.',
    'alive, seen from here just now: pid 42 runs',
    'not due: proven alive',
    'running for 70 s of 7200 s',
  ],
  'an alive run without a stamp': [{ seen: { ...ALIVE, proven: false } }, 'without a stamp that proves it'],
  'an unknown process': [
    { seen: UNKNOWN },
    'not reaped, because nothing proves its process dead',
    'unknown, seen from here just now: another pid namespace',
    'doubt is never death',
  ],
  'the first dead observation': [
    {
      seen: DEAD,
      running: {
        watch: {
          kind: 'open',
          state: {
            phase: 'waiting',
            streak: 1,
            nextLookMs: NOW.getTime() + 11_000,
            story: ['2030-01-01T11:59:56Z seen dead: pid 42 absent'],
          },
        },
      },
    },
    'not reaped yet, because one dead observation is not enough',
    'dead, needs 2 consecutive observations 15 s apart; its watch has 1',
    'then it is requeued: 1 of 2 attempts are used',
    'waiting, next observation at 2030-01-01T12:00:11Z; 1 of 2 dead observations counted',
    'seen dead: pid 42 absent',
  ],
  'a dead run whose attempts are used up': [
    { seen: DEAD, run: { attempts: 2 } },
    'becomes failed, with a notification: 2 of 2 attempts are used',
  ],
  'a dead run if one observation is enough': [
    { seen: DEAD, policy: { deadTicks: 1 } },
    "due to be reaped at its watch's next observation",
    'due: dead pid=42 (tier 1)',
  ],
  'a defunct process': [
    { seen: DEFUNCT },
    'not reaped yet, because its parent may still collect its exit',
    'counts as dead once it has been seen like this for 300 s',
  ],
  'an exit code within the grace': [
    { seen: DEAD, run: { exitCode: 0, exitAgeS: 12 } },
    'not reaped yet, because its monitor may still finalize it',
    'exit code 0 recorded 12 s ago; the monitor has 300 s to finalize',
  ],
  'an exit code without a time': [
    { seen: DEAD, run: { exitCode: 1, exitAgeS: null } },
    'exit code 1 recorded at an unknown time',
  ],
  'an exit code of an earlier run': [
    { seen: ALIVE, run: { exitCode: 0, exitAgeS: 400, ageS: 60, exitBeforeStart: true } },
    'not reaped, because it is alive',
    'exit code 0 was recorded before this run started, so it belongs to another run',
  ],
  'an exit code of a run that is alive, and that may be an earlier one': [
    {
      seen: { state: 'alive', proven: true, evidence: 'as stamped' },
      run: { exitCode: 0, exitAgeS: 400, ageS: 400, exitBeforeStart: false, exitNearStart: true },
    },
    'not reaped, because it is alive',
    'exit code 0 was not recorded clearly after this run started, and its process is proven alive',
  ],
  'a job that has died by its own process before': [
    { seen: ALIVE, policy: { maxCrashes: 3 }, running: { crashes: { earlier: 2, alone: null } } },
    'its job has died 2 times by its own process, of REAPER_MAX_CRASHES=3',
  ],
  'a job whose crash budget is used up': [
    { seen: ALIVE, policy: { maxCrashes: 2 }, running: { crashes: { earlier: 2, alone: true } } },
    'of REAPER_MAX_CRASHES=2: its next such death fails it, because no other job runs in its process',
  ],
  'a job whose crash budget is used up, beside others': [
    { seen: ALIVE, policy: { maxCrashes: 2 }, running: { crashes: { earlier: 2, alone: false } } },
    'its next such death only causes an alert, because other jobs run in its process, or may do so',
  ],
  'a death over the crash budget': [
    {
      seen: { ...DEAD, cause: 'process' },
      policy: { maxCrashes: 2 },
      running: { crashes: { earlier: 2, alone: true } },
    },
    'then it becomes failed, with a notification: this is death 3 of its job by its own process, over REAPER_MAX_CRASHES=2',
  ],
  'a death by a reboot, over the crash budget': [
    {
      seen: { ...DEAD, cause: 'reboot' },
      policy: { maxCrashes: 2 },
      running: { crashes: { earlier: 2, alone: true } },
    },
    'then it is requeued: 1 of 2 attempts are used',
  ],
  'an exit code beyond the grace': [
    { seen: DEAD, run: { exitCode: 7, exitAgeS: 301 } },
    "due to be reaped at its watch's next observation",
    'due: exit=7 (tier 2)',
    'it is requeued: 1 of 2 attempts are used',
  ],
  'exit 0 beyond the grace': [
    { seen: DEAD, run: { exitCode: 0, exitAgeS: 301 } },
    "its stage's gate is asked: if green, it becomes done; if red, it is requeued",
  ],
  'exit 0 without stages': [
    { seen: DEAD, run: { exitCode: 0, exitAgeS: 301 }, running: { hasStages: false } },
    'there are no stages: it becomes done',
  ],
  'the backstop': [
    { seen: UNKNOWN, run: { ageS: 7_300 } },
    'due: backstop age=7300s>=7200s (tier 3)',
    'running for 7300 s of 7200 s',
  ],
  'a stamped run over its ceiling that no probe sees': [
    { seen: UNKNOWN, run: { ageS: 7_300, processIdentity: 'linux:m:b:1:2' } },
    'not reaped yet, because one inconclusive observation is not enough',
    'its stamp could prove it alive, so it takes 2 such observations in a row, 15 s apart',
    'then it is requeued: 1 of 2 attempts are used',
  ],
  'a run that was alerted about as alive and that no probe sees any more': [
    { seen: UNKNOWN, run: { ageS: 7_300 }, running: { alerted: true } },
    'it may or may not be alive, although it is over its ceiling',
    'it was proven alive before: only its probe, or job-reaper host-gone if its host is gone, can change that',
  ],
  'its own ceiling': [
    { seen: UNKNOWN, run: { ageS: 50, maxRunningS: 60 } },
    'running for 50 s of 60 s (its own ceiling)',
  ],
  'a run over its ceiling that is proven alive': [
    { seen: ALIVE, run: { ageS: 7_300 } },
    'it is proven alive, although it is over its ceiling',
    'alerted once, not reaped',
    'REAPER_BACKSTOP_ALIVE=reap',
  ],
  'a run over its ceiling that may or may not be alive': [
    { seen: UNKNOWN, run: { ageS: 7_300 }, policy: { backstopUnknown: 'alert' } },
    'it may or may not be alive, although it is over its ceiling',
    'alerted once, not reaped',
    'REAPER_BACKSTOP_UNKNOWN=reap',
  ],
  'a run that was alerted before': [
    { seen: ALIVE, run: { ageS: 7_300 }, running: { alerted: true } },
    'not reaped, because it is alive',
    'over its ceiling, and an alert was sent',
  ],
  'a row without a start time': [{ seen: ALIVE, run: { ageS: null } }, 'for an unknown time'],
};

test.each(Object.entries(cases))('explain describes %s', (_, each) => {
  expect(missing(each)).toMatchObject({ missing: [] });
});
