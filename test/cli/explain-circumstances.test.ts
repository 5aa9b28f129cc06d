import { expect, test } from 'vitest';
import { missing, ALIVE, DEAD, NOW, PARKED, claimed, type Cases } from './explain-facts.js';

const QUIET = { failing: null, warnings: [] };
const COUNTS = {
  seen: 700,
  proven: 40,
  claimed: 30,
  lost: 1,
  recorded: 0,
  alerted: 0,
  held: 0,
  left: 2,
};
const cases: Cases = {
  'a run of another host': [
    {},
    'nothing proves its process dead; only a probe on host host-1 can check it',
    'run job-reaper explain j1 there',
  ],
  'a run of another host that answered': [
    { running: { probe: { kind: 'there', host: 'host-1', liveness: ALIVE } } },
    'not reaped, because it is alive',
    `alive, seen on host host-1 just now: ${ALIVE.evidence}`,
  ],
  'another host that answered after it was declared gone': [
    { running: { hostGoneBy: 'ada', probe: { kind: 'there', host: 'host-1', liveness: ALIVE } } },
    'not reaped, because it is alive',
  ],
  'another host whose watch has counted': [
    { running: { watch: { kind: 'open', state: { ...PARKED, phase: 'waiting', streak: 1 } } } },
    'not reaped yet, because its watch has counted only 1 of 2 dead observations',
  ],
  'a pause of a run of another host': [
    { running: { block: 'paused by ada: x' } },
    'not reaped yet, because it is paused by ada: x',
  ],
  'a host without a probe': [
    {
      sweep: { hostsWithoutProbe: ['host-1'] },
      running: { host: { answeredAt: NOW, gone: null, ...QUIET } },
    },
    'no probe on host host-1 answered the last sweep, its last answer was at 2030-01-01T12:00:00Z',
    'if that host will never return: job-reaper host-gone host-1',
  ],
  'a probe that fails': [
    { sweep: { hostsFailing: { 'host-1': 'permission denied for view examinable_run' } } },
    'the probe on host host-1 failed at the last sweep: permission denied for view examinable_run',
  ],
  'a claim that fails': [
    {
      seen: DEAD,
      running: {
        trouble: { kind: 'failed', why: 'no end for j1', failures: 3, since: NOW, retryAt: NOW },
      },
    },
    'not reaped yet, because its claim fails: no end for j1',
    'fails: no end for j1 (3 times since 2030-01-01T12:00:00Z)',
    'retried after 2030-01-01T12:00:00Z, or immediately with job-reaper reap j1',
  ],
  'a locked row': [
    {
      seen: DEAD,
      running: {
        trouble: { kind: 'locked', why: 'its row is locked by pid 7', failures: 1, since: NOW, retryAt: NOW },
      },
    },
    'not reaped yet, because it cannot be claimed: its row is locked by pid 7',
    'cannot be claimed: its row is locked by pid 7 (1 time since',
  ],
  'a host declared gone': [
    {
      sweep: { hostsWithoutProbe: ['host-1'] },
      running: {
        hostGoneBy: 'ada',
        host: { answeredAt: null, gone: { by: 'ada', declaredAt: NOW }, ...QUIET },
      },
    },
    'dead: host declared gone by ada',
    'dead, needs 2 consecutive observations',
    'after this run started',
  ],
  'a host declared gone whose probe answers': [
    {
      running: {
        hostGoneBy: 'ada',
        host: { answeredAt: NOW, gone: { by: 'ada', declaredAt: NOW }, ...QUIET },
      },
    },
    'can only be checked on host host-1',
  ],
  'a host declared gone that has answered since': [
    {
      running: {
        host: { answeredAt: new Date(NOW.getTime() + 1), gone: { by: 'ada', declaredAt: NOW }, ...QUIET },
      },
    },
    'can only be checked on host host-1',
    'but its probe has answered since, which ended the declaration',
  ],
  'a boot declared gone': [
    { running: { placeGone: 'boot b declared gone by ada' } },
    'dead: boot b declared gone by ada',
    'dead, needs 2 consecutive observations',
  ],
  'a host whose probe fails': [
    {
      sweep: { hostsWithoutProbe: ['host-1'] },
      running: { host: { answeredAt: NOW, gone: null, failing: 'permission denied', warnings: [] } },
    },
    'the probe on host host-1 fails: permission denied',
  ],
  'two probes on one host': [
    { running: { host: { answeredAt: NOW, gone: null, failing: null, warnings: ['two probes answer'] } } },
    'host host-1: two probes answer',
  ],
  'a host declared gone before the run': [
    { running: { host: { answeredAt: null, gone: { by: 'ada', declaredAt: NOW }, ...QUIET } } },
    'before this run started, so it does not count',
  ],
  'no host': [
    { run: { host: null }, running: { probe: { kind: 'nowhere' }, host: null } },
    'unknown: the row names no host, so no probe can check its process',
  ],
  'a worker without a token': [
    {
      run: { host: null, pid: null, processIdentity: null, runId: 'pool-7' },
      running: { probe: { kind: 'nowhere' }, host: null, workerTrouble: 'none' },
    },
    'unknown: the row names no host',
    'worker pool-7 has no token: add the line of docs/tokens.md',
  ],
  'a run of which nothing names the worker': [
    {
      run: { host: null, pid: null, processIdentity: null, runId: null },
      running: { probe: { kind: 'nowhere' }, host: null, workerTrouble: 'none' },
    },
    'nothing says which worker runs it: add the line',
  ],
  'Temporal down': [
    { seen: DEAD, running: { watch: { kind: 'unreachable', why: 'no answer at t:7233' } } },
    'Temporal does not answer, and without it nothing is reaped',
    'its watch could not be asked how many it has',
    'Temporal did not answer (no answer at t:7233); this is from Postgres alone',
  ],
  'no worker for a watch': [
    { seen: DEAD, running: { watch: { kind: 'silent', why: 'deadline' } } },
    'no worker seems to be running',
    'no worker answers for it (deadline)',
  ],
  'no sweep for a long time': [
    { seen: DEAD, sweep: { ageS: 300 }, running: { watch: { kind: 'none' } } },
    'no worker seems to be running: start job-reaper worker',
    'a sweep would start it, but none is running',
    'last sweep 5m ago, no. 7',
    'overdue',
  ],
  'no sweep ever': [
    { seen: DEAD, running: { watch: { kind: 'none' } }, facts: { lastSweep: null } },
    'last sweep none yet',
  ],
  'no watch yet': [
    { seen: DEAD, running: { watch: { kind: 'none' } } },
    'none; the next sweep starts it (sweeps run every 15 s)',
    'its watch has 0',
  ],
  'above the fan-out limit': [
    { seen: ALIVE, running: { watch: { kind: 'none' } }, sweep: { running: 30 } },
    'only a run with a symptom gets one',
  ],
  'no free watch': [
    { seen: DEAD, running: { watch: { kind: 'none' } }, sweep: { running: 900, watching: 500 } },
    'all 500 watches are in use',
  ],
  'a watch of its whole host': [
    {
      seen: DEAD,
      running: {
        watch: { kind: 'none' },
        hostWatch: {
          id: 'job-reaper/host/host-1',
          state: { phase: 'waiting', counts: COUNTS, sample: [], why: [] },
        },
      },
    },
    'a watch of its whole host is open (job-reaper/host/host-1), waiting: 700 seen, 40 proven, 30 claimed, 2 left',
  ],
  'a watch of its whole host without a worker': [
    { seen: DEAD, running: { watch: { kind: 'none' }, hostWatch: { id: 'w', state: null } } },
    'a watch of its whole host is open (w), but no worker answers for it',
  ],
  'a watch that is over': [
    { seen: DEAD, running: { watch: { kind: 'closed', status: 'completed' } } },
    'none open, the last one is completed; the next sweep starts it',
    'its watch has 0',
  ],
  'a failed sweep': [{ seen: ALIVE, sweep: { error: 'no view' } }, 'no. 7 failed: no view'],
  'earlier runs of the job': [
    { seen: ALIVE, facts: { ledger: [claimed()] } },
    'earlier runs:\n2030-01-01T11:00:00Z run 0-0 -> queued (dead pid=41, tier 1)',
    'seen: pid 41 absent',
    'in 2 consecutive observations',
  ],
  'a reaped job': [
    { facts: { running: null, ledger: [claimed({ outcome: 'failed', owed: true })] } },
    'Job j1 is not running: it was reaped at 2030-01-01T11:00:00Z -> failed (dead pid=41).',
    'error: reaped: dead pid=41 (run_id=r0)',
    'its notification has not been delivered yet',
  ],
  'a job that was advanced': [
    {
      facts: {
        running: null,
        ledger: [claimed({ outcome: 'done', error: null, fromStage: 'development', toStage: 'review' })],
      },
    },
    'its task moved from development to review',
  ],
  'an unknown job': [
    { facts: { running: null } },
    'Job j1 is unknown: it is not marked running, and it was never reaped.',
  ],
};

test.each(Object.entries(cases))('explain describes %s', (_, each) => {
  expect(missing(each)).toMatchObject({ missing: [] });
});
