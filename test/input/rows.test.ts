import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, onTestFailed } from 'vitest';
import { reapNowUpdate, type WatchState } from '../../src/workflows/messages.js';
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
    const seed = Date.now();
    onTestFailed(() => console.error(`rows of seed ${seed}`));
    const rows = fc.sample(anyRow, { numRuns: 150, seed });
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
        ...fc.sample(anyRow, { numRuns: 1, seed: seed + n })[0],
        ...of(agent),
        max_running_s: null,
        job_id: `live-${n}`,
      })),
      { job_id: 'dead', ...of(dead) },
    ]);
    await dead.kill();
    reaper = await startReaper(db, { policy: { watchAllLimit, maxWatches: 1_000, intervalS: 1 } });
    await eventually('the dead run repaired', async () => (await endedAs(db.admin, 'dead'))[0] !== null);
    for (let n = 0; n < 3; n += 1) expect(await reaper.sweepNow()).toMatchObject({ error: null });
    for (const { n } of live) expect(await endedAs(db.admin, `live-${n}`)).toEqual([null]);
    await expectHealthy(reaper.client, reaper.names.reaper);
    // A watch that is done with its run may end while this looks at it.
    for (const watch of await reaper.openWatches())
      await expectHealthy(reaper.client, watch, ['RUNNING', 'COMPLETED']);
  },
);

const odd = (pid: string | number | null, more: AnyRow = {}): AnyRow => ({
  run_key: '1',
  host: 'host-1',
  pid,
  started_at: 'now',
  ...more,
});

it.each([
  ['no pid', odd(null), 'pid null is not a positive integer'],
  ['pid 0', odd(0), 'pid 0 is not a positive integer'],
  ['pid -1', odd(-1), 'pid -1 is not a positive integer'],
  ['pid 2^31', odd('2147483648'), 'pid 2147483648 is not a positive integer'],
  ['a pid that no number holds exactly', odd('-9007199254740993'), 'is not a positive integer'],
  ['a pid 0 that starts tomorrow', odd(0, { started_at: 'tomorrow' }), 'pid 0 is not a positive integer'],
  ['no host', odd(4242, { host: null }), 'the run names no host that can be asked'],
  ['a host of controls', odd(4242, { host: '\u0001' }), 'did not answer'],
  ['a live pid and a stamp of controls', odd(process.pid, { process_identity: '\u0001\u0002' }), ''],
])('of a run with %s nobody says that it is dead, also when an operator asks', async (_, row, evidence) => {
  await insertAnyRows(db.admin, [{ job_id: 'odd', ...row }]);
  reaper = await startReaper(db, { policy: { intervalS: 3_600 } });
  const answer = await reaper.handle.executeUpdate(reapNowUpdate, { args: [{ job_id: 'odd' }] });
  expect(answer).toMatchObject({ reaped: false });
  const { story } = await reaper.watch({ jobId: 'odd', runKey: '1' }).query<WatchState>('watch');
  expect(story.join('\n')).toContain('seen unknown: ');
  expect(story.join('\n')).toContain(evidence);
  expect(await endedAs(db.admin, 'odd')).toEqual([null]);
});

it.each([
  ['nothing but nulls', { job_id: null }],
  ['an id of 10,000 characters', { ...odd(4242), job_id: 'x'.repeat(10_000) }],
  ['a host of 10,000 characters', { ...odd(4242), job_id: 'j1', host: 'x'.repeat(10_000) }],
  ['a run key of 10,000 characters', { ...odd(4242), job_id: 'j1', run_key: 'x'.repeat(10_000) }],
])('a row of %s is reported, not watched, and the sweep goes on', async (_, row) => {
  await insertAnyRows(db.admin, [row, { ...odd(process.pid), job_id: 'other' }]);
  reaper = await startReaper(db, { policy: { intervalS: 3_600 } });
  expect(await reaper.sweepNow()).toMatchObject({ error: null, unwatchableCount: 1, watching: 1 });
});

it('an end that lies ahead is looked at again after an interval, and is not taken for one that is long over', async () => {
  await insertAnyRows(db.admin, [{ ...odd(null), job_id: 'ahead', exit_code: 1, finished_at: 'tomorrow' }]);
  reaper = await startReaper(db, { policy: { intervalS: 600, finalizeGraceS: 3_600 } });
  const watch = reaper.watch({ jobId: 'ahead', runKey: '1' });
  await eventually(
    'the watch to wait',
    async () => (await watch.query<WatchState>('watch')).phase === 'waiting',
  );
  const { nextLookMs } = await watch.query<WatchState>('watch');
  expect(nextLookMs).toBeLessThanOrEqual(Date.now() + 600_000);
  expect(await endedAs(db.admin, 'ahead')).toEqual([null]);
});

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
  reaper = await startReaper(db, { policy: { intervalS: 10 }, hosts: ['last'] });
  await eventually(
    'the dead run repaired',
    async () => (await endedAs(db.admin, 'dead'))[0] !== null,
    240_000,
  );
  await expectHealthy(reaper.client, reaper.names.reaper);
}, 300_000);

it.each([
  ['a table that calls a claimed run running again', { pid: 4242 }],
  ['a pid that no number holds exactly', { pid: '9007199254740993' }],
])('%s: it is tried again later, not without end', async (_, row) => {
  await insertAnyRows(db.admin, [
    { job_id: 'j1', run_key: '1', exit_code: 1, finished_at: '2026-01-31', ...row },
  ]);
  await db.admin.query(
    `insert into reaper.ledger (job_id, run_key, outcome, tier, reason, evidence, claimer, workflow_id)
     values ('j1', '1', 'queued', 2, 'exit=1', '{}', 'another', 'w')`,
  );
  reaper = await startReaper(db, { policy: { intervalS: 3_600 } });
  const watch = reaper.watch({ jobId: 'j1', runKey: '1' });
  await eventually('it to be given up for now', async () => {
    const { phase, story } = await watch.query<WatchState>('watch');
    return phase === 'parked' && story.some((line) => line.includes('gave up: not claimed'));
  });
  expect((await watch.describe()).historyLength).toBeLessThan(60);
});
