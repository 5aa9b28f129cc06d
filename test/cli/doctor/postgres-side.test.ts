import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, dropDatabase, freePort } from '../../../src/servers/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { OpenTransaction } from '../../support/locks.js';
import { endProcesses, startProcess } from '../../support/process.js';
import { insertRunningJob, readJob } from '../../support/rows.js';
import { examine, examineAll, patientOf, type Patient } from './support.js';

let db: TestDatabase;
let patient: Patient;

beforeEach(async () => {
  db = await createTestDatabase();
  patient = patientOf(db);
});
afterEach(async () => {
  await patient.close();
  await endProcesses();
  await db.drop();
});

async function another(given: Parameters<typeof patientOf>[1]): Promise<void> {
  await patient.close();
  patient = patientOf(db, given);
}

const levels = async (name: string) => (await examine(name, patient)).map(({ level }) => level);

describe('postgres', () => {
  it('is ok', async () => expect(await levels('postgres')).toEqual(['ok']));

  it('fails when nobody listens there, and what needs it is not checked', async () => {
    await another({ url: `postgres://reaper@127.0.0.1:${await freePort()}/x` });
    const [first, second] = await examineAll(patient);
    expect(first).toMatchObject({ check: 'postgres', level: 'fail' });
    expect(first?.got).toContain('Expected Postgres to answer at 127.0.0.1');
    expect(second).toMatchObject({
      check: 'schema',
      level: 'warn',
      got: 'not checked, for want of: postgres',
    });
  });
});

describe('schema', () => {
  it('is ok', async () => expect(await levels('schema')).toEqual(['ok', 'ok']));

  it('fails in a database without one', async () => {
    const name = `doctor_${Math.random().toString(36).slice(2)}`;
    const url = await createDatabase(db.adminUrl, name);
    try {
      await another({ url, admin: false });
      expect(await examine('schema', patient)).toMatchObject([
        { level: 'fail', got: expect.stringContaining('Expected schema reaper') as string },
      ]);
    } finally {
      await patient.close();
      patient = patientOf(db);
      await dropDatabase(db.adminUrl, name);
    }
  });

  it('fails without an adapter', async () => {
    await db.admin.query('update reaper.control set adapter = null');
    expect(await examine('schema', patient)).toMatchObject([{ level: 'fail', got: 'none installed' }]);
  });

  it('fails with a migration that did not run, or that is not ours', async () => {
    await db.admin.query(`update reaper.migration set name = '0099_future' where name = '0011_prune'`);
    expect((await examine('schema', patient)).at(-1)).toMatchObject({
      level: 'fail',
      got: 'without 0011_prune',
    });
    await db.admin.query(`insert into reaper.migration (name, run_on) values ('0011_prune', now())`);
    expect((await examine('schema', patient)).at(-1)).toMatchObject({ level: 'fail', got: '0099_future' });
  });
});

describe('rights', () => {
  it('is ok', async () => expect(await levels('rights')).toEqual(['ok']));

  it('fails for a login that may not claim', async () => {
    await another({ url: db.probeUrl });
    expect(await examine('rights', patient)).toMatchObject([
      { level: 'fail', got: 'it may read, but not claim' },
    ]);
  });

  it('warns of a superuser', async () => {
    await another({ url: db.adminUrl });
    expect(await examine('rights', patient)).toMatchObject([{ level: 'warn' }]);
  });

  it('warns of a login that may write around the claim', async () => {
    await db.admin.query(`
      grant execute on function reaper.finish(text, text, text, text) to reaper;
      grant update on public.jobs to reaper`);
    expect((await examine('rights', patient)).at(-1)).toMatchObject({
      level: 'warn',
      got: '"test_reaper" may also write reaper.finish, jobs',
    });
  });
});

describe('claims', () => {
  it('is ok', async () => expect(await levels('claims')).toEqual(['ok']));

  it('fails for a run whose claim fails, warns of one whose row is locked and of runs that wait for a place', async () => {
    for (const [id, kind, why] of [
      ['j1', 'failed', 'no end for j1'],
      ['j2', 'locked', 'its row is locked by pid 7'],
    ]) {
      const { jobId, runKey } = await insertRunningJob(db.admin, { id: id ?? '' });
      await db.reaper.query('select reaper.note_claim_trouble($1, $2, $3, $4, false, null, null, null)', [
        jobId,
        runKey,
        kind,
        why,
      ]);
    }
    await db.reaper.query(`select reaper.note_sweep(reaper.now(), '{"number": 1, "waiting": 3}')`);
    expect(await examine('claims', patient)).toMatchObject([
      {
        level: 'fail',
        expected: 'job j1 to be claimed',
        got: expect.stringContaining('no end for j1, 1 times since ') as string,
      },
      { level: 'warn', got: expect.stringContaining('its row is locked by pid 7; tried again') as string },
      { level: 'warn', got: '3 that wait for one' },
    ]);
    await db.admin.query(`update jobs set status = 'done'`);
    await db.reaper.query(`select reaper.note_sweep(reaper.now(), '{"number": 2, "waiting": 0}')`);
    expect(await levels('claims')).toEqual(['ok']);
  });
});

describe('rows', () => {
  it('is ok', async () => {
    await insertRunningJob(db.admin);
    expect(await levels('rows')).toEqual(['ok']);
  });

  it('fails for a row that cannot be watched, and warns of one without a host', async () => {
    await insertRunningJob(db.admin, { id: 'j1', startedS: null });
    await insertRunningJob(db.admin, { id: 'j2', host: null });
    expect(await examine('rows', patient)).toMatchObject([
      { level: 'fail', got: '1 that cannot (j1: its run key is null)' },
      { level: 'warn', got: '1 without one, so they are unknown' },
    ]);
  });

  it('fails for a view that shows a job twice, or a run key by time zone', async () => {
    await insertRunningJob(db.admin, { id: 'j1' });
    const { rows } = await db.admin.query<{ sql: string }>(
      `select pg_get_viewdef('reaper.running_job'::regclass) as sql`,
    );
    const view = (rows[0]?.sql ?? '').replace(/;\s*$/, '');
    await db.admin.query(`create or replace view reaper.running_job as ${view} union all ${view}`);
    expect(await examine('rows', patient)).toMatchObject([
      { level: 'fail', expected: 'each job once in reaper.running_job', got: 'more often: j1' },
    ]);
    const byZone = `
      select job_id, run_key || current_setting('TimeZone') as run_key, run_id, task_id, agent, repo, host, pid,
             process_identity, attempts, max_attempts, max_running_s, started_at, exit_code, finished_at, branch, stage,
             job_stage, work_item
        from (${view}) v`;
    await db.admin.query(`create or replace view reaper.running_job as ${byZone}`);
    expect(await examine('rows', patient)).toMatchObject([
      {
        level: 'fail',
        expected: 'run keys that do not depend on the time zone',
        got: 'another in each zone: j1',
      },
    ]);
  });
});

describe('adapter', () => {
  it('is ok, and leaves the job as it was', async () => {
    await insertRunningJob(db.admin, { id: 'j1' });
    const before = await readJob(db.admin, 'j1');
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'ok', got: 'tried on job j1, and rolled back' },
    ]);
    expect(await readJob(db.admin, 'j1')).toEqual(before);
  });

  it('warns when it cannot be tried', async () => {
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'warn', got: 'no running job to try them on' },
    ]);
    await another({ admin: false });
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'warn', todo: 'set DATABASE_ADMIN_URL for doctor' },
    ]);
  });

  it('fails for a finish that does not look at the run', async () => {
    await insertRunningJob(db.admin, { id: 'j1' });
    await db.admin.query(`
      create or replace function reaper.finish(p_job_id text, p_run_key text, p_status text, p_error text)
        returns boolean language sql as $$ update public.jobs set error = p_error where id = p_job_id returning true $$`);
    const got = (await examine('adapter', patient)).map((finding) => finding.got);
    expect(got).toContain('finish of another run of it: expected false, got true');
    expect(got).toContain('running rows after finish as queued: expected 0, got 1');
  });

  it('fails for one that lacks a function', async () => {
    await db.admin.query('drop function reaper.finish(text, text, text, text)');
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'fail', got: expect.stringContaining('no such function') as string },
    ]);
  });

  it('gives up on a row that somebody holds', async () => {
    await insertRunningJob(db.admin, { id: 'j1' });
    const holder = await OpenTransaction.begin(db.admin);
    await holder.run(`select from jobs where id = 'j1' for update`);
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'fail', got: expect.stringContaining('lock timeout') as string },
    ]);
    await holder.rollback();
  });
});

describe('indexes', () => {
  it('is ok', async () => expect(await levels('indexes')).toEqual(['ok']));

  it('warns while the table is small and fails once it is large', async () => {
    await db.admin.query('drop index jobs_running_idx');
    expect(await examine('indexes', patient)).toMatchObject([
      { level: 'warn', got: expect.stringContaining('none on public.jobs') as string },
    ]);
    await db.admin.query(`update pg_class set reltuples = 5e6 where oid = 'public.jobs'::regclass`);
    expect(await examine('indexes', patient)).toMatchObject([{ level: 'fail' }]);
  });
});

describe('clock here', () => {
  const setClock = (offset: string) =>
    db.admin.query(
      `create or replace function reaper.now() returns timestamptz language sql volatile
         as $$ select pg_catalog.clock_timestamp() + interval '${offset}' $$`,
    );

  it('is ok', async () => expect(await levels('clock here')).toEqual(['ok']));

  it.each([
    ['30 s', 'warn'],
    ['-30 s', 'warn'],
    ['1 hour', 'fail'],
  ])('off by %s: %s', async (offset, level) => {
    await setClock(offset);
    expect(await levels('clock here')).toEqual([level]);
  });
});

describe('stamps', () => {
  it('is ok', async () => {
    await insertRunningJob(db.admin, { id: 'j1', ...startProcess() });
    expect(await levels('stamps')).toEqual(['ok']);
  });

  it('fails for a stamp of another pid namespace', async () => {
    const { pid, processIdentity } = startProcess();
    const foreign = processIdentity.replace(/:\d+:(\d+)$/, ':1:$1');
    await insertRunningJob(db.admin, { id: 'j1', pid, processIdentity: foreign });
    expect(await examine('stamps', patient)).toMatchObject([
      { level: 'fail', got: expect.stringMatching(/^1 of 1 are unknown \(job j1: .*namespace/) as string },
    ]);
  });

  it('warns of rows without a stamp, and fails for what another host could not tell', async () => {
    await insertRunningJob(db.admin, { id: 'j1', pid: startProcess().pid });
    await db.admin.query(
      `insert into reaper.last_sweep (at, summary) values (reaper.now(), '{"unknownRuns": {"host-2": 3, "host-1": 1}}')`,
    );
    expect(await examine('stamps', patient)).toMatchObject([
      { level: 'warn', expected: 'an identity stamp in each row' },
      { level: 'fail', expected: 'runs of host "host-2" that its probe can judge', got: '3 are unknown' },
    ]);
  });
});
