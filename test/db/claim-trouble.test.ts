import { afterEach, beforeEach, expect, it } from 'vitest';
import { findClaimTrouble, noteClaimTrouble, readDueRetries } from '../../src/db/claim-trouble.js';
import { readHostRuns } from '../../src/db/host-runs.js';
import { recordSweep } from '../../src/db/record-sweep.js';
import { readStatus } from '../../src/db/status.js';
import { readSymptoms } from '../../src/db/symptoms.js';
import { DEFAULT_POLICY, type RunRef } from '../../src/domain/types.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';

let db: TestDatabase;
let run: RunRef;
const FACTS = { pid: 4242, processIdentity: null, exitCode: 1 };

beforeEach(async () => {
  db = await createTestDatabase();
  run = await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
});
afterEach(() => db.drop());

const note = (kind: 'failed' | 'locked' = 'failed', facts: typeof FACTS | null = FACTS) =>
  noteClaimTrouble(db.reaper, run, { kind, why: 'no end', facts });
const visible = async () => [
  (await readSymptoms(db.reaper, DEFAULT_POLICY, null, 9)).items.length,
  (await readHostRuns(db.probe, 'host-1')).length,
];
const due = () => db.admin.query('update reaper.claim_trouble set retry_at = reaper.now()');
/** Seconds until the next try, as they were set. */
async function waitS(): Promise<number> {
  const { rows } = await db.admin.query<{ s: number }>(
    'select round(extract(epoch from retry_at - reaper.now()))::integer as s from reaper.claim_trouble',
  );
  return rows[0]?.s ?? NaN;
}

it('keeps a run out of sweeps and probes until it is due, and counts its failures', async () => {
  expect(await visible()).toEqual([1, 1]);
  expect(await note()).toMatchObject({ failures: 1 });
  expect(await visible()).toEqual([0, 0]);
  expect(await readDueRetries(db.reaper, 9)).toEqual([]);
  await due();
  expect(await visible()).toEqual([1, 1]);
  expect(await readDueRetries(db.reaper, 9)).toEqual([{ jobId: run.jobId, runKey: run.runKey }]);
  expect(await note()).toMatchObject({ failures: 2 });
  expect(await visible()).toEqual([0, 0]);
});

it('waits twice as long each time, within a bound, and less for a locked row', async () => {
  const waits = [];
  for (let n = 0; n < 8; n += 1) {
    await note();
    waits.push(await waitS());
  }
  expect(waits).toEqual([15, 30, 60, 120, 240, 480, 600, 600]);
  await db.admin.query('update reaper.claim_trouble set failures = 2000000000');
  await note();
  expect(await waitS()).toBe(600);
  const locked = [];
  for (let n = 0; n < 4; n += 1) {
    await note('locked');
    locked.push(await waitS());
  }
  expect(locked).toEqual([15, 30, 60, 60]);
});

it.each([
  ['another pid', 'update jobs set pid = 7'],
  ['another stamp', `update jobs set process_identity = 'x'`],
  ['another exit code', 'update agent_runs set exit_code = 2'],
])('looks at a run that shows %s at once', async (_, change) => {
  await note();
  await db.admin.query(change);
  expect(await visible()).toEqual([1, 1]);
  expect(await findClaimTrouble(db.reaper, run)).toBeNull();
});

it('goes by the run alone if its look failed, because its facts are not known', async () => {
  await note('failed', null);
  await db.admin.query('update jobs set pid = 7');
  expect(await visible()).toEqual([0, 0]);
});

it('records nothing about a run that is over, and forgets it at the next sweep', async () => {
  await note();
  expect((await readStatus(db.reaper)).claim_trouble).toMatchObject({
    count: 1,
    first: [{ job_id: 'j1', kind: 'failed', why: 'no end', failures: 1 }],
  });
  await db.admin.query(`update jobs set status = 'done'`);
  expect((await readStatus(db.reaper)).claim_trouble).toEqual({ count: 0, first: [] });
  expect(await note()).toBeNull();
  await recordSweep(db.reaper, Date.now(), { number: 1, error: null });
  expect((await db.admin.query('select from reaper.claim_trouble')).rowCount).toBe(0);
});

it('records a sweep once, and says if it was already recorded', async () => {
  const atMs = Date.now();
  expect(await recordSweep(db.reaper, atMs, { number: 7 })).toEqual({ isNew: true, error: null });
  expect(await recordSweep(db.reaper, atMs, { number: 7 })).toEqual({ isNew: false, error: null });
  expect(await recordSweep(db.reaper, atMs + 1, { number: 8 })).toEqual({ isNew: true, error: null });
});

it('records a sweep although a row makes the view of running jobs raise', async () => {
  await db.admin.query(`
    create function public.odd(text) returns text language sql volatile as $$ select ('x' || $1)::bigint::text $$;
    create or replace view reaper.running_job as
      select job_id, public.odd(run_key) as run_key, run_id, task_id, agent, repo, host, pid, process_identity, attempts,
             max_attempts, max_running_s, started_at, exit_code, finished_at, branch, stage, job_stage, work_item
        from (select 'j1'::text as job_id, 'k'::text as run_key, null::text as run_id, null::text as task_id, null::text as agent,
                     null::text as repo, 'host-1'::text as host, 1::bigint as pid, null::text as process_identity,
                     1 as attempts, 2 as max_attempts, null::bigint as max_running_s, now() as started_at, null::integer as exit_code,
                     null::timestamptz as finished_at, null::text as branch, null::text as stage, null::text as job_stage,
                     null::text as work_item) r`);
  await db.admin.query(`insert into reaper.observation (job_id, run_key, outcome, tier, reason, evidence)
                        values ('j1', 'k', 'done', 1, 'r', '{}')`);
  const { error } = await recordSweep(db.reaper, Date.now(), { number: 9, error: null });
  expect(error).toContain('invalid input syntax');
  const { rows } = await db.admin.query<{ summary: object }>('select summary from reaper.last_sweep');
  expect(rows[0]?.summary).toMatchObject({
    number: 9,
    error: expect.stringContaining('invalid input syntax') as string,
  });
});
