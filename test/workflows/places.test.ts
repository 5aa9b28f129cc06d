import { afterEach, beforeEach, expect, it } from 'vitest';
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

/** Every claim of a job called `poison…` fails from now on, each in its own way of failing. */
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

/** Lets nothing more be claimed, and ends those claims that would go on for long. */
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

  // Once what made them fail is gone, each is repaired when it is tried again, and its trouble is forgotten.
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
        atMostOnce: false,
        async send() {
          await pass;
          return { result: 'sent' };
        },
      },
    ],
  });
  await eventually('the repair of all three', async () => (await claimed()).length === 3);
  // Nobody has been told yet, so each watch still has its message to settle.
  expect((await db.admin.query('select from reaper.notification where not owed')).rowCount).toBe(0);
  letGo();
  await eventually(
    'all that is owed',
    async () => (await db.admin.query('select from reaper.notification where owed')).rowCount === 0,
  );
  expect(await readJob(db.admin, 'third')).toMatchObject({ status: 'failed' });
});
