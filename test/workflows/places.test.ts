import { setTimeout } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { reapNowUpdate, type WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createHold } from '../support/hold.js';
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

const claimed = async () => {
  const { rows } = await db.admin.query<{ job_id: string }>('select job_id from reaper.ledger order by 1');
  return rows.map((row) => row.job_id);
};

/** From now on every claim of a job named `poison…` fails, each in its own way. */
async function poison(): Promise<void> {
  await db.admin.query(`
    create function public.refuse() returns trigger language plpgsql as $$
    begin
      if new.id = 'poison-3' then
        perform pg_sleep(60);
      end if;
      raise exception 'no end for %', new.id;
    end $$;
    create trigger refuse before update of status on public.jobs
      for each row when (new.id like 'poison%' and new.id <> 'poison-2') execute function public.refuse();
    create constraint trigger refuse_late after update of status on public.jobs deferrable initially deferred
      for each row when (new.id = 'poison-2') execute function public.refuse();`);
}

/** Stops claiming, and ends the claims that would run for long. */
async function endClaims(): Promise<void> {
  await db.admin.query(`select reaper.pause('the test is over', 'test')`);
  await eventually('the end of every claim', async () => {
    const { rowCount } = await db.admin.query(
      `select pg_cancel_backend(pid) from pg_stat_activity
        where datname = current_database() and state = 'active' and query like '%reaper.claim(%' and pid <> pg_backend_pid()`,
    );
    return rowCount === 0;
  });
}

it('repairs healthy zombies behind as many runs whose claims fail as there are places', async () => {
  await poison();
  for (let n = 0; n < 4; n += 1) {
    await insertRunningJob(db.admin, { id: `poison-${n}`, startedS: 500 + n, exitCode: 1, exitedS: 60 });
  }
  for (let n = 0; n < 3; n += 1) {
    await insertRunningJob(db.admin, { id: `zombie-${n}`, startedS: 100, exitCode: 1, exitedS: 60 });
  }
  reaper = await startReaper(db, { policy: { watchAllLimit: 0, maxWatches: 4 } });
  await eventually('the repair of all that can be repaired', async () => (await claimed()).length === 3);
  expect(await claimed()).toEqual(['zombie-0', 'zombie-1', 'zombie-2']);
  await eventually('the trouble of all four on record', async () => {
    const { rows } = await db.reaper.query<{ claim_trouble: { count: number } }>(
      'select claim_trouble from reaper.status',
    );
    return rows[0]?.claim_trouble.count === 4;
  });
  const { rows: troubles } = await db.reaper.query<{ job_id: string; why: string }>(
    'select job_id, why from reaper.claim_trouble order by job_id',
  );
  expect(troubles).toMatchObject([
    { job_id: 'poison-0', why: 'no end for poison-0 (SQLSTATE P0001)' },
    { job_id: 'poison-1', why: 'no end for poison-1 (SQLSTATE P0001)' },
    { job_id: 'poison-2', why: 'no end for poison-2 (SQLSTATE P0001)' },
    { job_id: 'poison-3', why: expect.stringContaining('statement timeout') as string },
  ]);
  await endClaims();

  // Once the cause is gone, each is repaired at its retry, and its trouble is forgotten.
  await db.admin.query(`
    drop trigger refuse on public.jobs;
    drop trigger refuse_late on public.jobs;
    update reaper.claim_trouble set retry_at = reaper.now();
    select reaper.resume('test');`);
  await eventually('the repair of all', async () => (await claimed()).length === 7);
  await eventually(
    'no trouble on record',
    async () => (await db.admin.query('select from reaper.claim_trouble')).rowCount === 0,
  );
});

it('does not let a channel that hangs delay the repair of others', async () => {
  const { pass, letGo } = createHold();
  for (const id of ['first', 'second', 'third']) {
    await insertRunningJob(db.admin, { id, attempts: 2, exitCode: 1, exitedS: 60 });
  }
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, maxWatches: 1 },
    channels: [
      {
        name: 'webhook',
        async send() {
          await pass;
          return { result: 'sent' };
        },
      },
    ],
  });
  await eventually('the repair of all three', async () => (await claimed()).length === 3);
  // Nothing has been sent yet, so each watch still has its notification to send.
  expect((await db.admin.query('select from reaper.notification where not owed')).rowCount).toBe(0);
  letGo();
  await eventually(
    'all that is owed',
    async () => (await db.admin.query('select from reaper.notification where owed')).rowCount === 0,
  );
  expect(await readJob(db.admin, 'third')).toMatchObject({ status: 'failed' });
});

it('repairs 150 runs with few places, page by page, while it continues as new in between', async () => {
  const RUNS = 150;
  await db.admin.query(`
    insert into agent_runs (id, exit_code, finished_at)
      select 'r' || n, 1, reaper.now() - interval '1 h' from generate_series(1, ${RUNS}) n;
    insert into jobs (id, status, attempts, max_attempts, host, run_id, started_at)
      select 'j' || n, 'running', 1, 2, 'host-1', 'r' || n, reaper.now() - make_interval(secs => 5000 - n)
        from generate_series(1, ${RUNS}) n;`);
  const PAGE = 20;
  let sweeps = 0;
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, maxWatches: 8, intervalS: 0.1 },
    input: { continueAfterSweeps: 1 },
    jobs: (real) => ({
      // Small pages: runs on the last one find few free places.
      async scan(after, ...rest) {
        sweeps += 1;
        const found = await real.scan(after, ...rest);
        const items = found.symptoms.items.slice(0, PAGE);
        const last = found.symptoms.items.length > PAGE ? items.at(-1) : undefined;
        if (last === undefined) return found;
        const { rows } = await db.admin.query<{ us: number }>(
          'select (extract(epoch from started_at) * 1000000)::bigint as us from jobs where id = $1',
          [last.jobId],
        );
        const next = { startedUs: rows[0]?.us ?? 0, jobId: last.jobId, runKey: last.runKey };
        return { ...found, symptoms: { items, next } };
      },
    }),
  });
  await eventually('the repair of all', async () => (await claimed()).length === RUNS, 120_000);
  // Eight places, each free again a sweep or two after its claim; by the sweeps that read the last page it takes 80.
  expect(sweeps).toBeLessThan((RUNS / 8) * 3.2);
});

it('counts the runs that wait for a place', async () => {
  for (let n = 0; n < 5; n += 1) {
    await insertRunningJob(db.admin, { id: `j${n}`, startedS: 100 - n, pid: 4_242_424 });
  }
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, maxWatches: 2, intervalS: 3_600 },
  });
  for (let n = 0; n < 2; n += 1) {
    expect(await reaper.sweepNow()).toMatchObject({
      symptoms: 5,
      watching: 2,
      waiting: 3,
      waitingJobs: ['j2', 'j3', 'j4'],
    });
  }
  const { rows } = await db.reaper.query('select waiting from reaper.status');
  expect(rows).toEqual([{ waiting: { count: 3, first: ['j2', 'j3', 'j4'] } }]);
  await db.admin.query(`update jobs set status = 'done' where id in ('j2', 'j3', 'j4')`);
  expect(await reaper.sweepNow()).toMatchObject({ watching: 2, waiting: 0, waitingJobs: [] });
});

it('lets runs within the grace of their exit codes keep no place, and dead processes have a quarter of them', async () => {
  for (let n = 0; n < 9; n += 1) {
    await insertRunningJob(db.admin, { id: `finalizing-${n}`, exitCode: 1, exitedS: 0, pid: 4_242_424 });
    // Over its ceiling, and unknown: their watches wait for the second look.
    const processIdentity = 'linux:m:11111111-1111-4111-8111-111111111111:4026531836:77';
    await insertRunningJob(db.admin, { id: `old-${n}`, startedS: 9_000, host: 'other', processIdentity });
  }
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, maxWatches: 8, finalizeGraceS: 3_000, intervalS: 3_600 },
    hosts: ['host-1'],
  });
  expect(await reaper.sweepNow()).toMatchObject({ symptoms: 9, watching: 6, waiting: 3 });
  await insertRunningJob(db.admin, { id: 'dead', pid: 4_242_424 });
  expect(await reaper.sweepNow()).toMatchObject({ symptoms: 10, watching: 7, waiting: 3 });
});

it.each([
  ['as many runs as places', 3],
  ['many more runs than places', 6],
])('lets a host that always answers last have its turn behind another one with %s', async (_, waiting) => {
  let serial = 0;
  const die = (id: string, host: string) => insertRunningJob(db.admin, { id, host, pid: 4_242_424 });
  const dieFast = () => die(`fast-${(serial += 1)}`, 'fast');
  let mayClaim = createHold();
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, maxWatches: 2, intervalS: 3_600, deadTicks: 1 },
    hosts: ['fast', 'slow'],
    probes: (real) => ({
      async examineHost(host, ...rest) {
        const seen = await real.examineHost(host, ...rest);
        if (host === 'slow') await setTimeout(500);
        return seen;
      },
    }),
    jobs: (real) => ({
      async claim(...args) {
        await mayClaim.pass;
        return real.claim(...args);
      },
    }),
  });
  await reaper.sweepNow();
  for (let n = 0; n < waiting; n += 1) await dieFast();
  await die('late', 'slow');
  for (let round = 1; round <= Math.ceil((waiting + 1) / 2); round += 1) {
    // Both places are taken when the slow host answers, and free again before the next sweep.
    expect(await reaper.sweepNow()).toMatchObject({ started: 2, watching: 2 });
    mayClaim.letGo();
    await eventually('two more repairs', async () => (await claimed()).length === 2 * round);
    await eventually('two free places', async () => (await reaper?.openWatches())?.length === 0);
    mayClaim = createHold();
    for (let n = 0; n < 2; n += 1) await dieFast();
  }
  expect(await claimed()).toContain('late');
});

it('parks the watch of a run whose gate fails, until it is due, its row changes or an operator asks', async () => {
  const run = await insertRunningJob(db.admin, { id: 'j1', exitCode: 0, exitedS: 60 });
  let asked = 0;
  let isAway = true;
  reaper = await startReaper(db, {
    // Retried after an hour, then two.
    policy: { intervalS: 3_600, watchAllLimit: 5 },
    jobs: () => ({
      judgeExitZero() {
        asked += 1;
        if (isAway) throw ApplicationFailure.nonRetryable('the gate could not be asked', 'GateNotAsked');
        return Promise.resolve({ kind: 'done', reason: 'exit0, no stage', advance: null, gate: null });
      },
    }),
  });
  const watch = reaper.watch(run);
  const gaveUp = async () => {
    const { phase, story } = await watch.query<WatchState>('watch');
    return phase === 'parked' && story.at(-1)?.includes('gave up: not claimed, the gate could not be asked');
  };
  await eventually('a watch that gave up', gaveUp);
  expect(asked).toBe(1);
  for (let n = 0; n < 3; n += 1) await reaper.sweepNow();
  expect(asked).toBe(1);

  // Another fact in its row.
  await db.admin.query(`update jobs set pid = 7 where id = 'j1'`);
  await reaper.sweepNow();
  await eventually('another try', () => asked === 2);
  await eventually('a watch that gave up again', gaveUp);

  // An operator's request.
  expect(await reaper.handle.executeUpdate(reapNowUpdate, { args: [{ job_id: 'j1' }] })).toMatchObject({
    reaped: false,
    text: expect.stringContaining('the gate could not be asked') as string,
  });
  expect(asked).toBe(3);

  isAway = false;
  await db.admin.query('update reaper.claim_trouble set retry_at = reaper.now()');
  await reaper.sweepNow();
  expect(await watch.result()).toMatchObject({ outcome: 'done' });
});

it('gives up its place for a row that is locked, and for a claim that is refused repeatedly', async () => {
  const locked = await insertRunningJob(db.admin, { id: 'locked', exitCode: 1, exitedS: 60 });
  const refused = await insertRunningJob(db.admin, { id: 'refused', exitCode: 1, exitedS: 60 });
  reaper = await startReaper(db, {
    policy: { intervalS: 3_600, watchAllLimit: 0 },
    jobs: (real) => ({
      claim(run, ...rest) {
        const nothing = { ledgerId: null, notificationId: null };
        if (run.jobId === 'locked') {
          return Promise.resolve({ result: 'busy', detail: 'its row is locked by pid 7', ...nothing });
        }
        if (run.jobId === 'refused') {
          return Promise.resolve({ result: 'lost', detail: 'the run is over', ...nothing });
        }
        return real.claim(run, ...rest);
      },
    }),
  });
  for (const [run, reason] of [
    [locked, 'its row is locked by pid 7'],
    [refused, 'lost: the run is over'],
  ] as const) {
    const watch = reaper.watch(run);
    await eventually('the watch', () => watch.describe());
    expect(await watch.result()).toMatchObject({
      outcome: 'not claimed',
      reason: expect.stringContaining(reason) as string,
    });
  }
  const { rows } = await db.admin.query(
    'select job_id, kind, failures, exit_code from reaper.claim_trouble order by job_id',
  );
  expect(rows).toEqual([
    { job_id: 'locked', kind: 'locked', failures: 1, exit_code: 1 },
    { job_id: 'refused', kind: 'failed', failures: 1, exit_code: 1 },
  ]);
  expect(await reaper.sweepNow()).toMatchObject({ symptoms: 0, watching: 0 });
});
