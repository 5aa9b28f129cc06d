import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { WatchState } from '../../src/workflows/messages.js';
import { endedAs, insertAnyRows, installAnyRows, type AnyRow } from '../support/any-rows.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { eventually } from '../support/wait.js';
import { expectHealthy } from '../support/workflow-health.js';

let db: TestDatabase;
let reaper: TestReaper;

beforeEach(async () => {
  db = await createTestDatabase();
  await installAnyRows(db.admin);
});
afterEach(async () => {
  await reaper.stop();
  await endProcesses();
  await db.drop();
});

/** Postgres stores no NUL and no half character. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }).map((value) => value.replaceAll('\0', '')),
  fc.constantFrom(
    '',
    ' ',
    'host-1',
    'developer',
    '..',
    '/',
    '🚨'.repeat(200),
    '\u0001'.repeat(200),
    'x'.repeat(10_000),
  ),
);
const time = fc.constantFrom(
  '2026-01-31T12:00:00Z',
  'infinity',
  '-infinity',
  '4713-01-01 BC',
  '9999-12-31',
  '294276-12-31T23:59:59Z',
  'now',
  'tomorrow',
);
const int4 = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constantFrom(0, 1, -1, 137));
const int8 = fc.constantFrom(
  '0',
  '-1',
  '1',
  '2147483647',
  '2147483648',
  '-2147483648',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
);
const anyRow: fc.Arbitrary<AnyRow> = fc.record(
  {
    job_id: fc.option(text),
    run_key: fc.option(text),
    run_id: fc.option(text),
    task_id: fc.option(text),
    agent: fc.option(text),
    repo: fc.option(text),
    host: fc.option(text, { freq: 2 }),
    pid: fc.option(int8),
    process_identity: fc.option(text),
    attempts: fc.option(int4),
    max_attempts: fc.option(int4),
    max_running_s: fc.option(int8),
    started_at: fc.option(time),
    exit_code: fc.option(int4, { freq: 2 }),
    finished_at: fc.option(time),
    branch: fc.option(text),
    stage: fc.option(text),
    job_stage: fc.option(text),
    work_item: fc.option(text),
  },
  { requiredKeys: [] },
);

it.each([
  ['every run has its watch', 1_000],
  ['only runs with a symptom have one', 0],
])(
  'whatever rows say, live runs live, dead ones are repaired and no workflow stops: %s',
  async (_, watchAllLimit) => {
    const rows = fc.sample(anyRow, 150);
    const live = Array.from({ length: 5 }, (_row, n) => ({ n, agent: startProcess() }));
    const dead = startProcess();
    const of = ({ pid, processIdentity }: typeof dead) => ({
      host: 'host-1',
      pid,
      process_identity: processIdentity,
      run_key: '1',
      exit_code: null,
      started_at: 'now',
    });
    await insertAnyRows(db.admin, [
      ...rows,
      ...live.map(({ n, agent }) => ({
        ...fc.sample(anyRow, 1)[0],
        ...of(agent),
        max_running_s: null,
        job_id: `live-${n}`,
      })),
      { job_id: 'dead', ...of(dead) },
    ]);
    await dead.kill();
    reaper = await startReaper(db, { policy: { watchAllLimit, maxWatches: 1_000, intervalS: 1 } });
    await eventually(
      'the dead run repaired',
      async () => (await endedAs(db.admin, 'dead'))[0] !== null,
      60_000,
    );
    for (let n = 0; n < 3; n += 1) expect(await reaper.sweepNow()).toMatchObject({ error: null });
    for (const { n } of live) expect(await endedAs(db.admin, `live-${n}`)).toEqual([null]);
    await expectHealthy(reaper.client, reaper.names.reaper);
    for (const watch of await reaper.openWatches()) await expectHealthy(reaper.client, watch);
  },
);

it('more hosts than one sweep examines are examined in turns, and the runs of each are repaired', async () => {
  const dead = startProcess();
  const rows = Array.from({ length: 2_500 }, (_row, n) => ({
    job_id: `j${n}`,
    run_key: '1',
    host: `host-${n}-${'x'.repeat(150)}`,
    pid: 4242,
    started_at: 'now',
  }));
  await insertAnyRows(db.admin, [
    ...rows,
    {
      job_id: 'dead',
      run_key: '1',
      host: 'last',
      pid: dead.pid,
      process_identity: dead.processIdentity,
      started_at: 'now',
    },
  ]);
  await dead.kill();
  reaper = await startReaper(db, { policy: { intervalS: 1 }, hosts: ['last'] });
  await eventually(
    'the dead run repaired',
    async () => (await endedAs(db.admin, 'dead'))[0] !== null,
    100_000,
  );
  await expectHealthy(reaper.client, reaper.names.reaper);
});

it.each([
  ['a table that calls a claimed run running again', { pid: 4242 }],
  ['a pid that no number holds exactly', { pid: '9007199254740993' }],
])('%s: its watch looks again at the interval, not without end', async (_, row) => {
  await insertAnyRows(db.admin, [
    { job_id: 'j1', run_key: '1', exit_code: 1, finished_at: '2026-01-31', ...row },
  ]);
  await db.admin.query(
    `insert into reaper.ledger (job_id, run_key, outcome, tier, reason, evidence, claimer, workflow_id)
     values ('j1', '1', 'queued', 2, 'exit=1', '{}', 'another', 'w')`,
  );
  reaper = await startReaper(db, { policy: { intervalS: 3_600 } });
  const watch = reaper.watch({ jobId: 'j1', runKey: '1' });
  await eventually(
    'the watch to wait',
    async () => (await watch.query<WatchState>('watch')).phase === 'waiting',
  );
  const { story } = await watch.query<WatchState>('watch');
  expect(story.filter((line) => line.includes('not claimed'))).not.toEqual([]);
  expect((await watch.describe()).historyLength).toBeLessThan(60);
});
