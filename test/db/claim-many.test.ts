import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimMany, MAX_BATCH, type Batch, type BatchResult } from '../../src/db/claim-many.js';
import { operate } from '../../src/db/operate.js';
import type { RunRef } from '../../src/domain/types.js';
import { countLedger } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction, waitsForLock } from '../support/locks.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let runs: RunRef[];

beforeEach(async () => {
  db = await createTestDatabase();
  runs = [];
  for (const id of ['a', 'b', 'c', 'd']) runs.push(await insertRunningJob(db.admin, { id }));
});
afterEach(() => db.drop());

const now = async () => {
  const { rows } = await db.admin.query<{ ms: number }>(
    'select (extract(epoch from reaper.now()) * 1000)::float8 as ms',
  );
  return rows[0]?.ms ?? 0;
};

/** Claims runs with the facts of `insertRunningJob`'s defaults. */
async function claimAll(refs: readonly RunRef[] = runs, given: Partial<Batch> = {}): Promise<BatchResult[]> {
  return claimMany(db.reaper, {
    claimer: 'storm-1',
    workflowId: 'reaper/host/1',
    lookedAtMs: await now(),
    // However busy the machine is.
    limitMs: 60_000,
    claims: refs.map(({ jobId, runKey }) => ({
      run: { jobId, runKey, pid: 4242, processIdentity: null, exitCode: null },
      outcome: 'queued',
      tier: 1,
      reason: 'dead pid=4242',
      error: 'reaped: dead pid=4242',
      evidence: { liveness: { state: 'dead' } },
      advance: null,
    })),
    ...given,
  });
}

/** `job: result` of each. */
const brief = (results: readonly BatchResult[]) =>
  results.map(({ jobId, result }) => `${jobId}: ${result}`).join(', ');

it('claims all of them, each with its ledger row', async () => {
  expect(brief(await claimAll())).toBe('a: won, b: won, c: won, d: won');
  expect(await countLedger(db.admin)).toBe(4);
  expect(await readJob(db.admin, 'c')).toMatchObject({ status: 'queued', pid: null });
});

it('knows its own win again, and says that it is one', async () => {
  await claimAll(runs.slice(0, 2));
  const results = await claimAll();
  expect(brief(results)).toBe('a: won, b: won, c: won, d: won');
  expect(results.map(({ isAgain }) => isAgain)).toEqual([true, true, false, false]);
  expect(brief(await claimAll(runs, { claimer: 'storm-2' }))).toBe('a: lost, b: lost, c: lost, d: lost');
  expect(await countLedger(db.admin)).toBe(4);
});

it.each([
  ['some', ['b', 'd'], 'a: won, b: busy, c: won, d: busy'],
  ['all', ['a', 'b', 'c', 'd'], 'a: busy, b: busy, c: busy, d: busy'],
])('waits for no row while %s of them are locked', async (_, locked, results) => {
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run(`select from jobs where id in (${locked.map((id) => `'${id}'`).join()}) for update`);
  expect(brief(await claimAll())).toBe(results);
  await monitor.rollback();
  expect(brief(await claimAll())).toMatch(/^a: won, b: won, c: won, d: won$/);
});

it('claims with an adapter that has no lock_runs, and waits for no row', async () => {
  await db.admin.query('drop function reaper.lock_runs(text[])');
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run(`select from jobs where id = 'b' for update`);
  expect(brief(await claimAll())).toBe('a: won, b: busy, c: won, d: won');
  await monitor.rollback();
});

it('leaves for the next batch what an adapter without lock_runs does not lock, and does not call it locked', async () => {
  await db.admin.query('drop function reaper.lock_runs(text[])');
  for (let n = 10; n < 18; n += 1) runs.push(await insertRunningJob(db.admin, { id: `e${n}` }));
  const results = await claimAll();
  expect(results.map(({ result }) => result)).toEqual([
    ...Array.from({ length: 10 }, () => 'won'),
    'left',
    'left',
  ]);
  const rest = results.filter(({ result }) => result === 'left');
  expect(brief(await claimAll(rest))).toBe('e16: won, e17: won');
});

describe('what fails one of them', () => {
  it('in finish, or at COMMIT, is that one’s alone', async () => {
    await db.admin.query(`
      create function public.refuse() returns trigger language plpgsql as $$
      begin raise exception 'no end for %', new.id; end $$;
      create trigger refuse before update of status on public.jobs
        for each row when (new.id = 'b') execute function public.refuse();
      create constraint trigger refuse_late after update of status on public.jobs deferrable initially deferred
        for each row when (new.id = 'd') execute function public.refuse();`);
    const results = await claimAll();
    expect(brief(results)).toBe('a: won, b: error, c: won, d: error');
    expect(results.map(({ detail }) => detail)).toEqual([
      'queued',
      'no end for b (SQLSTATE P0001)',
      'queued',
      'no end for d (SQLSTATE P0001)',
    ]);
    expect(await countLedger(db.admin)).toBe(2);
    expect(await readJob(db.admin, 'd')).toMatchObject({ status: 'running' });
  });

  it('by a statement timeout fails all, and nothing is claimed', async () => {
    await db.admin.query(`
      create function public.sleep() returns trigger language plpgsql as $$
      begin perform pg_sleep(60); return new; end $$;
      create trigger sleep before update of status on public.jobs
        for each row when (new.id = 'c') execute function public.sleep();`);
    const { rows } = await db.reaper.query<{ was: string }>(
      `select current_setting('statement_timeout') as was`,
    );
    expect(rows[0]?.was).not.toBe('0');
    const claimed = claimAll();
    const isSleeping = async () => {
      const { rowCount } = await db.admin.query(
        `select pg_cancel_backend(pid) from pg_stat_activity
          where datname = current_database() and wait_event = 'PgSleep' and query like '%claim_many%'`,
      );
      return (rowCount ?? 0) > 0;
    };
    const failed = expect(claimed).rejects.toThrow(/cancel/);
    while (!(await isSleeping())) await new Promise((resolve) => setTimeout(resolve, 20));
    await failed;
    expect(await countLedger(db.admin)).toBe(0);
  });

  it('if its facts have changed, or the run is over, changes nothing', async () => {
    await db.admin.query(
      `update jobs set pid = 7 where id = 'a'; update jobs set status = 'done' where id = 'c'`,
    );
    expect(brief(await claimAll())).toBe('a: changed, b: won, c: lost, d: won');
  });

  it('if another run of the job still shows the dead process, does not touch that run', async () => {
    await db.admin.query(`update jobs set attempts = 2, started_at = reaper.now() where id = 'b'`);
    expect(brief(await claimAll())).toBe('a: won, b: lost, c: won, d: won');
    expect(await readJob(db.admin, 'b')).toMatchObject({ status: 'running', attempts: 2 });
  });
});

it('leaves the rest once a lock was waited for', async () => {
  await db.admin
    .query(`create table public.ends (only_row boolean primary key); insert into public.ends values (true);
    create function public.count_end() returns trigger language plpgsql as $$
    begin update public.ends set only_row = true; return new; end $$;
    create trigger count_end before update of status on public.jobs
      for each row when (new.id = 'b') execute function public.count_end();
    grant update, select on public.ends to public`);
  const other = await OpenTransaction.begin(db.admin);
  await other.run('select from public.ends for update');
  expect(brief(await claimAll())).toBe('a: won, b: busy, c: left, d: left');
  await other.rollback();
  expect(brief(await claimAll())).toBe('a: won, b: won, c: won, d: won');
});

it('stops in time, so that a pause does not wait for all of it, but gets on', async () => {
  expect(brief(await claimAll(runs, { limitMs: -1 }))).toBe('a: won, b: left, c: left, d: left');
  expect(brief(await claimAll(runs, { limitMs: -1 }))).toBe('a: won, b: won, c: left, d: left');
});

it('honours a pause, a hold and the dry run', async () => {
  await operate(db.reaper, { action: 'hold', kind: 'job', value: 'b', reason: 'r', by: 'op', seconds: 60 });
  expect(brief(await claimAll(runs.slice(0, 2)))).toBe('a: won, b: blocked');
  await operate(db.reaper, { action: 'observe', by: 'op' });
  expect(brief(await claimAll(runs.slice(2, 3)))).toBe('c: blocked');
  const { rows } = await db.admin.query('select job_id from reaper.observation');
  expect(rows).toEqual([{ job_id: 'c' }]);
  await operate(db.reaper, { action: 'activate', by: 'op' });
  await operate(db.reaper, { action: 'pause', reason: 'r', by: 'op' });
  expect(brief(await claimAll(runs.slice(2)))).toBe('c: blocked, d: blocked');
});

it('waits behind a pause that waits for it, and does not overtake it', async () => {
  const claimer = await OpenTransaction.begin(db.reaper);
  await claimer.run(
    `select from reaper.claim('a', $1, 'c', 'w', 'queued', 1, 'r', null, '{}', 4242, null, null)`,
    [runs[0]?.runKey],
  );
  const pausing = operate(db.reaper, { action: 'pause', reason: 'r', by: 'op' });
  await waitsForLock(db.admin, 'reaper.pause');
  expect(brief(await claimAll(runs.slice(1)))).toBe('b: left, c: left, d: left');
  await claimer.commit();
  await pausing;
  expect(brief(await claimAll(runs.slice(1)))).toBe('b: blocked, c: blocked, d: blocked');
});

it.each([
  [31_000, 'changed'],
  [29_000, 'won'],
  [-5_000, 'changed'],
])('does not rest on a look that is %i ms old or lies ahead', async (ageMs, result) => {
  const results = await claimAll(runs.slice(0, 1), { lookedAtMs: (await now()) - ageMs });
  expect(brief(results)).toBe(`a: ${result}`);
});

it('rests on a declaration that the host is gone only while it is in force', async () => {
  const batch = async (): Promise<Partial<Batch>> => ({
    lookedAtMs: await now(),
    claims: runs.slice(0, 2).map(({ jobId, runKey }) => ({
      run: { jobId, runKey, pid: 4242, processIdentity: null, exitCode: null },
      outcome: 'queued',
      tier: 1,
      reason: 'dead pid=4242',
      error: 'reaped: dead pid=4242',
      evidence: { liveness: { evidence: 'host declared gone by op' } },
      advance: null,
      hostGoneBy: 'host declared gone by op',
    })),
  });
  expect(brief(await claimAll(runs, await batch()))).toBe('a: changed, b: changed');
  await db.admin.query(`select reaper.declare_host_gone('host-1', 'op')`);
  expect(brief(await claimAll(runs, await batch()))).toBe('a: won, b: won');
});

it('leaves a run to a monitor that is finalizing it, and finds it over when that has committed', async () => {
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run(`update jobs set status = 'done' where id = 'b'`);
  expect(brief(await claimAll())).toBe('a: won, b: busy, c: won, d: won');
  await monitor.commit();
  expect(brief(await claimAll())).toBe('a: won, b: lost, c: won, d: won');
  expect(await readJob(db.admin, 'b')).toMatchObject({ status: 'done' });
});

it('refuses a monitor that finalizes late, by its guard, as a single claim does', async () => {
  const batch = await OpenTransaction.begin(db.reaper);
  const lookedAtMs = await now();
  await batch.run(
    `select from reaper.claim_many($1, 'storm-1', 'w', to_timestamp($2::float8 / 1000), 60000)`,
    [
      JSON.stringify([
        {
          job_id: 'a',
          run_key: runs[0]?.runKey,
          outcome: 'queued',
          tier: 1,
          reason: 'r',
          evidence: {},
          pid: 4242,
        },
      ]),
      lookedAtMs,
    ],
  );
  const late = db.admin.query(
    `update jobs set status = 'done' where id = 'a' and status = 'running' and attempts = 1`,
  );
  await waitsForLock(db.admin, `status = 'done' where id = 'a'`);
  await batch.commit();
  expect((await late).rowCount).toBe(0);
  expect(await readJob(db.admin, 'a')).toMatchObject({ status: 'queued' });
});

it.each([2, 6])('%i batches at once, of two claimers, end each run once', async (batches) => {
  const many: RunRef[] = [...runs];
  for (let n = 0; n < MAX_BATCH - runs.length; n += 1) many.push(await insertRunningJob(db.admin));
  const results = await Promise.all(
    Array.from({ length: batches }, (_, n) => claimAll(many, { claimer: `storm-${n % 2}` })),
  );
  // Rows that another batch holds are busy, and are claimed by a later one.
  const won = results.flat().filter(({ result, isAgain }) => result === 'won' && !isAgain);
  const rest = await claimAll(many, { claimer: 'storm-0' });
  const late = rest.filter(({ result, isAgain }) => result === 'won' && !isAgain);
  expect(won.length + late.length).toBe(MAX_BATCH);
  expect(await countLedger(db.admin)).toBe(MAX_BATCH);
  const { rows } = await db.admin.query(`select from jobs where status = 'queued'`);
  expect(rows).toHaveLength(MAX_BATCH);
});

it('refuses more than fit into one transaction', async () => {
  const many = Array.from({ length: MAX_BATCH + 1 }, () => runs[0] ?? { jobId: 'a', runKey: '1' });
  await expect(claimAll(many)).rejects.toThrow('expected an array of at most 30 claims, got 31');
});

it('overflows no snapshot: a full batch keeps its subtransactions within what Postgres caches', async () => {
  const full: RunRef[] = [];
  for (let n = 0; n < MAX_BATCH; n += 1) full.push(await insertRunningJob(db.admin, { id: `full-${n}` }));
  const claimer = await OpenTransaction.begin(db.reaper);
  await claimer.run(`select from reaper.claim_many($1, 'storm-1', 'w', reaper.now(), 60000)`, [
    JSON.stringify(
      full.map(({ jobId, runKey }) => ({
        job_id: jobId,
        run_key: runKey,
        outcome: 'failed',
        tier: 1,
        reason: 'r',
        evidence: {},
        pid: 4242,
      })),
    ),
  ]);
  const { rows } = await db.admin.query<{ subxacts: number; overflowed: boolean }>(
    `select s.subxact_count as subxacts, s.subxact_overflowed as overflowed
       from pg_stat_get_backend_idset() b(id), pg_stat_get_backend_subxact(b.id) s where s.subxact_count > 0`,
  );
  expect(rows.map(({ overflowed }) => overflowed)).toEqual([false]);
  await claimer.rollback();
});

it('never reads the whole ledger, not even by a plan that was made while it was empty', async () => {
  await db.admin.query('vacuum analyze');
  const scans = async () => {
    const { rows } = await db.admin.query<{ whole: number; byIndex: number }>(
      `select seq_scan as whole, idx_scan as "byIndex" from pg_stat_user_tables where relid = 'reaper.ledger'::regclass`,
    );
    return rows[0] ?? { whole: 0, byIndex: 0 };
  };
  const before = await scans();
  for (const run of runs) expect(brief(await claimAll([run]))).toMatch(/: won$/);
  await eventually('the numbers of all four', async () => (await scans()).byIndex >= before.byIndex + 4);
  expect((await scans()).whole).toBe(before.whole);
});
