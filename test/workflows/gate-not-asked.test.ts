import { ApplicationFailure } from '@temporalio/activity';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GateActivities } from '../../src/activities/gates.js';
import { Pipeline } from '../../src/domain/pipeline.js';
import { watchQuery } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper?.stop();
  reaper = undefined;
  await db.drop();
});

const AWAY = 'the sql gate of stage "development" could not be asked: no connection';
const judgement: Awaited<ReturnType<GateActivities['judgeExitZero']>> = {
  kind: 'done',
  reason: 'exit0, gate green',
  advance: null,
  gate: null,
};

it('a gate that could not be asked decides nothing: its watch says why, and the gate is asked again', async () => {
  let isAway = true;
  const run = await insertRunningJob(db.admin, { id: 'j1', exitCode: 0, exitedS: 60 });
  reaper = await startReaper(db, {
    jobs: () => ({
      judgeExitZero: () =>
        isAway
          ? Promise.reject(ApplicationFailure.nonRetryable(AWAY, 'GateNotAsked'))
          : Promise.resolve(judgement),
    }),
  });
  const watch = reaper.watch(run);
  await eventually('its story', async () =>
    (await watch.query(watchQuery)).story.some((line) => line.endsWith(`waits: ${AWAY}`)),
  );
  expect((await readJob(db.admin, 'j1'))['status']).toBe('running');
  expect((await db.admin.query('select from reaper.ledger')).rowCount).toBe(0);
  isAway = false;
  await watch.signal('poke', { why: 'look', park: true });
  await eventually('the claim', async () => (await readJob(db.admin, 'j1'))['status'] === 'done');
});

it('a job without an agent, in a stage without one: its gate is asked, and green moves the task on', async () => {
  await insertRunningJob(db.admin, { id: 'j1', agent: null, stage: 'approval', exitCode: 0, exitedS: 60 });
  reaper = await startReaper(db, {
    pipeline: new Pipeline([
      {
        name: 'approval',
        agent: null,
        gate: { kind: 'command', argv: ['true'] },
        next: 'development',
      },
      { name: 'development', agent: 'developer', gate: null, next: null },
    ]),
  });
  await eventually('the claim', async () => (await readJob(db.admin, 'j1'))['status'] === 'done');
  const { rows } = await db.admin.query(
    `select l.reason, l.to_stage, t.stage, (select count(*)::int from jobs where status = 'queued' and agent = 'developer') as queued
       from reaper.ledger l, tasks t`,
  );
  expect(rows).toEqual([
    { reason: 'exit0, gate green', to_stage: 'development', stage: 'development', queued: 1 },
  ]);
});
