import { expect, it } from 'vitest';
import type { Facts } from './facts/facts.js';
import type { LedgerRow, Run, RunEnd } from './facts/queue-facts.js';
import { greenIsDone } from './invariants/green-is-done.js';
import { LATE_MONITOR } from './world/logins.js';

const STARTED_MS = 1_000_000;

/** A delivered exit 0 that was on record before its run was queued again by the reaper. */
const BROKEN = {
  code: 0,
  exitOrder: 1,
  taskId: 'task-1' as string | null,
  delivered: true,
  to: 'queued',
  application: 'worker',
  tier: 2,
  ageS: 10,
};

it.each([
  ['was queued again', {}],
  ['failed', { to: 'failed' }],
  ['was ended by its monitor', { application: 'monitor of job-1' }],
  ['has no gate', { taskId: null, delivered: false }],
  ['was called over its ceiling before it was', { tier: 3 }],
])('finds a green exit 0 whose run %s', (_, differs) => {
  expect(judge(differs)).toHaveLength(1);
});

it.each([
  ['is done', { to: 'done' }],
  ['delivered nothing', { delivered: false }],
  ['exited with another code', { code: 1 }],
  ['was ended before its exit code came', { exitOrder: 3 }],
  ['was over its ceiling', { tier: 3, ageS: 60 }],
  ['was ended by the harness in the part of its monitor', { application: LATE_MONITOR }],
])('leaves alone a run that %s', (_, differs) => {
  expect(judge(differs)).toEqual([]);
});

function judge(differs: Partial<typeof BROKEN>) {
  const { code, exitOrder, taskId, delivered, to, application, tier, ageS } = { ...BROKEN, ...differs };
  const by = application === 'worker' ? 'reaper' : 'launcher';
  const written = { by, xid: '7', atMs: STARTED_MS + ageS * 1000, application } as const;
  const end: RunEnd = { ...written, order: 2, to };
  const run = {
    jobId: 'job-1',
    runId: 'run-1',
    taskId,
    startedMs: STARTED_MS,
    exit: { ...written, order: exitOrder, code },
    ends: [end],
  } as unknown as Run;
  const row = { ...written, order: 2, runId: 'run-1', tier } as LedgerRow;
  return [
    ...greenIsDone.check({
      queue: { runs: new Map([['run-1', run]]), ledger: by === 'reaper' ? [row] : [] },
      lives: { lives: new Map([['run-1', { delivered }]]) },
      terms: { ceilingS: 60 },
    } as unknown as Facts),
  ];
}
