import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { anotherRunKey } from '../../../src/db/inspect/adapter-trial.js';
import { noteClaimTrouble } from '../../../src/db/claim-trouble.js';
import { runChecks } from '../../../src/cli/doctor/run-checks.js';
import { migrate } from '../../../src/db/migrate.js';
import { publishPolicy } from '../../../src/db/policy.js';
import { createPool, type Pool } from '../../../src/db/pool.js';
import { DEFAULT_POLICY } from '../../../src/domain/types.js';
import { findLostSettings, sessionSettings, setLocally } from '../../../src/db/session-settings.js';
import { formatToken } from '../../../src/liveness/token.js';
import { packageRoot } from '../../../src/paths.js';
import { createDatabase, dropDatabase, freePort } from '../../../servers/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { insertBoot } from '../../support/boots.js';
import { claimRun } from '../../support/claims.js';
import { OpenTransaction } from '../../support/locks.js';
import { insertNamed, nameWorkers } from '../../support/named-workers.js';
import { endProcesses, startProcess } from '../../support/process.js';
import { insertRunningJob, readJob } from '../../support/rows.js';
import { TOKEN_VECTOR } from '../../support/token.js';
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

/** A shipped adapter's text, changed. */
async function contractWith(change: (sql: string) => string, adapter = 'reference'): Promise<string> {
  const views = await readFile(join(packageRoot, 'sql/views.sql'), 'utf8');
  const grants = await readFile(join(packageRoot, 'sql/grants.sql'), 'utf8');
  return [
    change(await readFile(join(packageRoot, 'sql/adapters', adapter, 'contract.sql'), 'utf8')),
    views,
    grants,
  ].join('\n');
}

const levels = async (name: string) => (await examine(name, patient)).map(({ level }) => level);

describe('what any check meets because of the state of the server', () => {
  const FULL_DISK = "the server's disk is full: free some space there, or enlarge it";
  const NO_CONNECTION = 'close unused ones, or raise max_connections or the limit of this user or database';
  const STATES = [
    ['53100', FULL_DISK],
    ['53200', 'the server is out of memory: free some there, or lower work_mem or max_connections'],
    ['53300', NO_CONNECTION],
    ['25006', expect.stringContaining('it is read-only') as string],
    ['57P01', 'it is starting or stopping: wait for it'],
  ];
  const raise = (code: string) => `raise exception 'met it' using errcode = '${code}'`;
  /** Lets a write to a table fail so. */
  const failWrites = (table: string, code: string) =>
    db.admin.query(
      `create function fail_so() returns trigger language plpgsql as $$ begin ${raise(code)}; end $$;
       create trigger fail_so before insert or update on ${table} for each row execute function fail_so()`,
    );
  const found = async (name: string) =>
    (await examine(name, patient)).map(({ level, got, todo }) => ({ level, got, todo }));

  it.each([...STATES, ['57014', 'see pg_stat_activity for slow statements and held locks']])(
    'is said with its remedy, and no other: %s',
    async (code, todo) => {
      const check = {
        name: 'any',
        needs: [],
        run: () => db.admin.query(`do $$ begin ${raise(code)}; end $$`).then(() => []),
      };
      expect(await runChecks([check], patient.context)).toMatchObject([
        { level: 'fail', got: 'met it', todo },
      ]);
    },
  );

  it('may not be the cause of a statement that took too long: the remedy names the queue as well', async () => {
    const run = () =>
      db.admin.query(`set local statement_timeout = '10ms'; select pg_sleep(60)`).then(() => []);
    expect(await runChecks([{ name: 'any', needs: [], run }], patient.context)).toMatchObject([
      { level: 'fail', todo: expect.stringMatching(/held locks; if there are none, the view/) as string },
    ]);
  });

  it.each(['postgres', 'schema'])('is said by the check "%s", too', async (name) => {
    const query = () => db.admin.query(`do $$ begin ${raise('53100')}; end $$`);
    const pool = { query } as unknown as Pool;
    const broken = { ...patient, context: { ...patient.context, pool } };
    expect(await examine(name, broken)).toMatchObject([{ level: 'fail', got: 'met it', todo: FULL_DISK }]);
  });

  it.each(STATES)('is no mistake of the adapter: %s', async (code, todo) => {
    await insertRunningJob(db.admin, { id: 'j1' });
    await failWrites('jobs', code);
    expect(await found('adapter')).toEqual([{ level: 'fail', got: 'met it', todo }]);
  });

  it('is said of claims that failed because of it', async () => {
    const ref = await insertRunningJob(db.admin, { id: 'j1' });
    await noteClaimTrouble(db.reaper, ref, { kind: 'failed', why: 'no room (SQLSTATE 53100)', facts: null });
    expect(await found('claims')).toMatchObject([
      { level: 'fail', todo: `${FULL_DISK}; then job-reaper reap j1 retries immediately` },
    ]);
  });

  it('is the cause if workers could not announce themselves: nobody is told to add the line', async () => {
    await nameWorkers(db.admin);
    await insertNamed(db.admin, 'j1', 'pool-1');
    await failWrites('reaper.queue_worker', '53100');
    expect(await found('workers')).toEqual([
      {
        level: 'fail',
        got: 'met it',
        todo: `${FULL_DISK}. The queue goes on, but jobs of workers that start meanwhile are unknown until these have announced themselves`,
      },
      {
        level: 'warn',
        got: 'no token: 1 worker with 1 running job (pool-1)',
        todo: expect.not.stringContaining('add the line') as string,
      },
    ]);
    expect((await db.admin.query('select from reaper.queue_worker')).rowCount).toBe(0);
  });

  it('is said of what the workers connect through', async () => {
    const url = new URL(db.reaperUrl);
    url.username = `busy_${randomBytes(5).toString('hex')}`;
    url.password = 'busy';
    await db.admin.query(`create role ${url.username} login password 'busy' connection limit 0`);
    try {
      const asked = { ...patient, context: { ...patient.context, workerUrl: url.href } };
      expect((await examine('workers', asked))[0]).toMatchObject({ level: 'fail', todo: NO_CONNECTION });
    } finally {
      await db.admin.query(`drop role ${url.username}`);
    }
  });
});

describe('own rescue', () => {
  const ownRescue = (rows: string) =>
    db.admin.query(
      `create or replace function reaper.own_rescue() returns table (what text, after_s bigint, remedy text, of_agent text, of_job text)
         language sql stable as $$ values ${rows} $$`,
    );
  const insert = (id: string, hours: number) =>
    insertRunningJob(db.admin, { id, agent: 'a', startedS: hours * 3600 });
  const found = async () =>
    (await examine('own rescue', patient)).map(({ level, got, todo }) => ({ level, got, todo }));

  it('has nothing to say if the adapter does not tell, or role reaper alone is asked', async () => {
    expect(await found()).toEqual([
      { level: 'ok', got: 'the adapter knows of none in the database', todo: null },
    ]);
    await ownRescue(`('the queue', 60::bigint, 'raise it', null::text, null::text)`);
    expect(await levels('own rescue')).toEqual(['warn']);
    await another({ admin: false });
    expect(await found()).toEqual([
      { level: 'ok', got: 'not looked at without DATABASE_ADMIN_URL', todo: null },
    ]);
  });

  it('is ok if it is late enough, with and without a running job', async () => {
    await ownRescue(`('the queue', 14400::bigint, 'raise it', null::text, null::text)`);
    expect(await levels('own rescue')).toEqual(['ok']);
    await insert('a', 1);
    expect(await levels('own rescue')).toEqual(['ok']);
  });

  it('warns if a job has used up more than half of it, by the setting of that very job', async () => {
    await insert('a', 3);
    await insert('b', 4);
    await insert('c', 1);
    const rows = [
      `('the queue', 8000::bigint, 'raise it', null::text, null::text)`,
      `('the agent', 14400, 'raise the agent', 'a', null)`,
      `('the job', 86400, 'raise the job', 'a', 'b')`,
      `('another job', 1, 'raise another', 'a', 'gone')`,
    ];
    await ownRescue(rows.join(', '));
    expect(await found()).toEqual([
      {
        level: 'warn',
        got: 'the agent: after 4h, and job a has been running for 3h',
        todo: 'raise the agent',
      },
    ]);
    await db.admin.query(`update jobs set started_at = reaper.now() - interval '30 min' where id = 'a'`);
    expect(await levels('own rescue')).toEqual(['ok']);
  });

  it('warns if it is less than REAPER_MAX_RUNNING_S, of the shortest first', async () => {
    const rows = [900, 660, 800, 700].map(
      (afterS) => `('q${afterS}', ${afterS}::bigint, 'raise q${afterS}', 'a${afterS}', null::text)`,
    );
    await ownRescue(`${rows.join(', ')}, ('the job', 5, 'raise it', 'a660', 'gone')`);
    const todo = 'raise q660, or set REAPER_MAX_RUNNING_S to your longest job';
    expect(await found()).toEqual([
      { level: 'warn', got: 'q660: after 11m; q700: after 11m40s; q800: after 13m20s; and 1 more', todo },
    ]);
    await another({ env: { REAPER_MAX_RUNNING_S: '680' } });
    expect(await found()).toEqual([{ level: 'warn', got: 'q660: after 11m', todo }]);
    await another({ env: { REAPER_MAX_RUNNING_S: '660' } });
    expect(await levels('own rescue')).toEqual(['ok']);
  });
});

describe('postgres', () => {
  it('is ok', async () => expect(await levels('postgres')).toEqual(['ok']));

  it('fails if nothing listens there, and skips the checks that need it', async () => {
    await another({ url: `postgres://reaper@127.0.0.1:${await freePort()}/x` });
    const [first, second] = await examineAll(patient);
    expect(first).toMatchObject({ check: 'postgres', level: 'fail' });
    expect(first?.got).toContain('Expected Postgres to answer at 127.0.0.1');
    expect(second).toMatchObject({
      check: 'schema',
      level: 'warn',
      got: 'skipped: needs postgres',
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

  it('fails if a migration did not run, or is of another version', async () => {
    await db.admin.query(`update reaper.migration set name = '0099_future' where name = '0011_prune'`);
    expect((await examine('schema', patient)).at(-1)).toMatchObject({
      level: 'fail',
      got: 'missing: 0011_prune',
    });
    await db.admin.query(`insert into reaper.migration (name, run_on) values ('0011_prune', now())`);
    expect((await examine('schema', patient)).at(-1)).toMatchObject({ level: 'fail', got: '0099_future' });
  });
});

describe('rights', () => {
  it('is ok', async () => expect(await levels('rights')).toEqual(['ok']));

  it('fails for a login without the right to claim', async () => {
    await another({ url: db.probeUrl });
    expect(await examine('rights', patient)).toMatchObject([
      { level: 'fail', got: 'it may read, but not claim' },
    ]);
  });

  it('warns of a superuser', async () => {
    await another({ url: db.adminUrl });
    expect(await examine('rights', patient)).toMatchObject([{ level: 'warn' }]);
  });

  it('warns of a login that may write without a claim', async () => {
    await db.admin.query(`
      grant execute on function reaper.finish(text, text, text, text) to reaper;
      grant update on public.jobs to reaper`);
    expect((await examine('rights', patient)).at(-1)).toMatchObject({
      level: 'warn',
      got: '"test_reaper" may also write reaper.finish, public.jobs',
    });
  });

  it('warns of a login that may create what a claim would run as the owner', async () => {
    await db.admin.query('grant create on schema public to reaper');
    expect((await examine('rights', patient)).at(-1)).toMatchObject({
      level: 'warn',
      got: "it may create functions in schema public, which is in the adapter's search path",
    });
  });
});

describe('claims', () => {
  it('is ok', async () => expect(await levels('claims')).toEqual(['ok']));

  it('fails for a run whose claim fails, warns of a locked row and of runs that wait for a free watch', async () => {
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
        got: expect.stringContaining('no end for j1, 1 time since ') as string,
      },
      { level: 'warn', got: expect.stringContaining('its row is locked by pid 7; retried') as string },
      { level: 'warn', got: '3 waiting for one' },
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
    await insertRunningJob(db.admin, { id: 'j1', startedS: null, runId: null });
    await insertRunningJob(db.admin, { id: 'j2', host: null });
    expect(await examine('rows', patient)).toMatchObject([
      { level: 'fail', got: '1 that cannot (j1: its run key is null)' },
      { level: 'warn', got: '1 without one, so they are unknown' },
      { level: 'warn', got: '1 without one, so their age is unknown' },
    ]);
  });

  it('warns of an exit record that is older than its run', async () => {
    await insertRunningJob(db.admin, { id: 'j1', startedS: 100, exitCode: 0, exitedS: 400 });
    await insertRunningJob(db.admin, { id: 'j2', exitCode: 0, exitedS: 400 });
    expect(await examine('rows', patient)).toMatchObject([
      { level: 'warn', got: 'older ones, which are ignored: j1' },
    ]);
  });

  it('fails for a row that shows the process of a run that was reaped as dead', async () => {
    for (const [id, tier] of [
      ['j1', 1],
      ['j2', 2],
    ] as const) {
      const run = await insertRunningJob(db.admin, { id, processIdentity: `linux:m:b:1:${tier}` });
      const { rows } = await db.admin.query<{ result: string }>(
        `select result from reaper.claim($1, $2, 'c', 'w', 'queued', 1, 'r', null, '{}', 4242, $3, null)`,
        [id, run.runKey, `linux:m:b:1:${tier}`],
      );
      expect(rows).toEqual([{ result: 'won' }]);
      await db.admin.query('update reaper.ledger set tier = $1 where job_id = $2', [tier, id]);
      await db.admin.query(
        `update jobs set status = 'running', attempts = 2, started_at = now(), host = 'host-1', pid = 4242, process_identity = $2
          where id = $1`,
        [id, `linux:m:b:1:${tier}`],
      );
    }
    expect(await examine('rows', patient)).toMatchObject([
      { level: 'fail', got: 'those of an earlier run, which was reaped because it was dead: j1' },
    ]);
  });

  it('names the row and the column that cannot be read', async () => {
    await db.admin.query('drop view reaper.running_job cascade; alter table jobs alter column pid type text');
    await migrate(db.adminUrl, null);
    await insertRunningJob(db.admin, { id: 'j1' });
    await insertRunningJob(db.admin, { id: 'j2' });
    expect(await levels('rows')).toEqual(['ok']);
    await db.admin.query(`update jobs set pid = 'n/a' where id = 'j2'`);
    expect(await examine('rows', patient)).toMatchObject([
      {
        level: 'fail',
        got: 'job j2: its pid cannot be read: invalid input syntax for type bigint: "n/a"',
      },
    ]);
  });

  it('fails for a run key that was reaped before', async () => {
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    const { rows } = await db.admin.query<{ started_at: string }>(
      `select started_at::text from jobs where id = 'j1'`,
    );
    await claimRun(db.reaper, ref);
    await db.admin.query(`update jobs set status = 'running', started_at = $1, host = 'host-1'`, [
      rows[0]?.started_at,
    ]);
    expect(await examine('rows', patient)).toMatchObject([
      { level: 'fail', got: 'already reaped, but running under the same key: j1' },
    ]);
  });

  it('fails for times without a zone', async () => {
    await db.admin.query(`drop view reaper.running_job cascade;
      alter table jobs alter column started_at type timestamp, alter column finished_at type timestamp`);
    await db.admin.query(
      await contractWith((sql) => sql.replace('j.started_at          as', 'j.started_at::timestamptz as')),
    );
    await insertRunningJob(db.admin, { id: 'j1' });
    const found = await examine('rows', patient);
    expect(found.filter(({ level }) => level === 'fail')).toMatchObject([
      {
        expected: 'times and run keys that do not depend on the time zone',
        got: 'started_at differs between time zones (jobs j1)',
        todo: expect.stringContaining(`started_at at time zone 'UTC'`) as string,
      },
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
      { level: 'fail', expected: 'each job once in reaper.running_job', got: 'duplicates: j1' },
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
        expected: 'times and run keys that do not depend on the time zone',
        got: 'run_key differs between time zones (jobs j1)',
      },
    ]);
  });
});

describe('adapter', () => {
  it('is ok, and leaves the job as it was', async () => {
    await insertRunningJob(db.admin, { id: 'j1' });
    const before = await readJob(db.admin, 'j1');
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'ok', got: 'tried a claim of job j1 as role reaper, and rolled it back' },
    ]);
    expect(await readJob(db.admin, 'j1')).toEqual(before);
  });

  it('warns when it cannot be tried', async () => {
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'warn', got: 'no running job: not tried' },
    ]);
    await another({ admin: false });
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'warn', todo: 'set DATABASE_ADMIN_URL, then run doctor again' },
    ]);
  });

  it('fails for a finish that ignores the run', async () => {
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

  it('skips a locked row, and delays neither the lock holder nor an operator', async () => {
    await insertRunningJob(db.admin, { id: 'j1' });
    const holder = await OpenTransaction.begin(db.admin);
    await holder.run(`select from jobs where id = 'j1' for update`);
    await holder.run('lock table reaper.control in share row exclusive mode');
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'warn', got: 'the rows of all 1 candidate jobs are locked: not tried' },
    ]);
    await insertRunningJob(db.admin, { id: 'j2' });
    expect(await examine('adapter', patient)).toMatchObject([
      { level: 'ok', got: expect.stringContaining('job j2') as string },
    ]);
    await holder.rollback();
  });

  it('works in the dry run, and leaves neither a ledger row nor an observation', async () => {
    await db.admin.query(`select reaper.set_mode('observe', 'test')`);
    await insertRunningJob(db.admin, { id: 'j1' });
    expect(await levels('adapter')).toEqual(['ok']);
    const { rows } = await db.admin.query(
      'select (select count(*) from reaper.ledger) as claims, (select count(*) from reaper.observation) as observed',
    );
    expect(rows).toEqual([{ claims: 0, observed: 0 }]);
  });

  it('fails if an ordinary trigger of the table fails in a claim, whose search path is pg_catalog', async () => {
    await db.admin.query(`
      create table job_audit (id text);
      create function note_job() returns trigger language plpgsql as $$
        begin insert into job_audit values (new.id); return new; end $$;
      create trigger note_job after update on jobs for each row execute function note_job()`);
    const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
    // The shipped adapter sets the search path that such a trigger expects.
    expect(await levels('adapter')).toEqual(['ok']);
    await db.admin.query('alter function reaper.finish(text, text, text, text) reset search_path');
    const got = (await examine('adapter', patient)).map((finding) => finding.got);
    expect(got).toContain('finish as queued: expected true, got relation "job_audit" does not exist');
    await expect(claimRun(db.reaper, ref)).rejects.toThrow('relation "job_audit" does not exist');
    await migrate(db.adminUrl, null);
    expect(await claimRun(db.reaper, ref)).toMatchObject({ result: 'won' });
  });

  it('fails for a deferred constraint that a claim violates at its end', async () => {
    await db.admin.query(`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
      create constraint trigger refuse after update on jobs deferrable initially deferred
        for each row execute function refuse()`);
    await insertRunningJob(db.admin, { id: 'j1' });
    const got = (await examine('adapter', patient)).map((finding) => finding.got);
    expect(got).toContain('finish as queued: expected true, got not today');
  });

  it('is ok for an adapter that casts its run key', async () => {
    await patient.close();
    await db.drop();
    db = await createTestDatabase('minimal');
    patient = patientOf(db);
    await db.admin.query(`
      insert into jobs (kind, status, run, host, pid, started_at) values ('a', 'running', gen_random_uuid(), 'h', 1, now())`);
    await db.admin.query(
      (await contractWith((sql) => sql, 'minimal')).replace('run::text = p_run_key', 'run = p_run_key::uuid'),
    );
    expect(await levels('adapter')).toEqual(['ok']);
    expect(anotherRunKey('17')).toBe('16');
    expect(anotherRunKey('9223372036854775807')).toBe('9223372036854775806');
    expect(anotherRunKey('6b1f64ae-5ad2-4d4c-a4d3-3e1c2d8c9f0a')).toBe(
      '6b1f64ae-5ad2-4d4c-a4d3-3e1c2d8c9f0b',
    );
  });

  it('warns if the owner may not become role reaper', async () => {
    const owner = `owner_${Math.random().toString(36).slice(2)}`;
    await insertRunningJob(db.admin, { id: 'j1' });
    await db.admin.query(`create role ${owner} nologin; grant usage on schema reaper to ${owner};
      grant select on reaper.running_job to ${owner};
      grant execute on function reaper.try_claim(text, text, text) to ${owner}`);
    const admin = createPool(db.adminUrl, { applicationName: 'test', max: 1 });
    try {
      // A login that is neither a member of role reaper nor a superuser.
      await admin.query(`set session authorization ${owner}`);
      const { context } = patient;
      const found = await examine('adapter', { ...patient, context: { ...context, admin } });
      expect(found).toMatchObject([
        { level: 'warn', got: 'tried as the owner of the schema, which may not SET ROLE reaper' },
      ]);
    } finally {
      await admin.end();
      await db.admin.query(`drop owned by ${owner}; drop role ${owner}`);
    }
  });
});

describe('view', () => {
  it('is ok', async () => expect(await levels('view')).toEqual(['ok']));

  it('fails when a table was swapped', async () => {
    await db.admin.query(`create table jobs_new (like jobs including all);
      alter table jobs rename to jobs_old; alter table jobs_new rename to jobs`);
    expect(await examine('view', patient)).toMatchObject([
      { level: 'fail', got: expect.stringContaining('to read public.jobs, got a view') as string },
    ]);
    await db.admin.query('alter table jobs rename to jobs_away');
    expect(await examine('view', patient)).toMatchObject([
      {
        level: 'fail',
        got: expect.stringContaining(
          'public.jobs, which reaper.running_job reads, got no such table',
        ) as string,
      },
    ]);
  });

  it('warns when a view of the user reads other tables than at the last migrate, which stops nothing', async () => {
    await db.admin.query(`create table teams (job_id text); create table members (job_id text);
      create view extra as select job_id from teams`);
    const { rows } = await db.admin.query<{ sql: string }>(
      `select pg_get_viewdef('reaper.running_job'::regclass) as sql`,
    );
    const view = (rows[0]?.sql ?? '').replace(/;\s*$/, '');
    await db.admin.query(
      `create or replace view reaper.running_job as select v.* from (${view}) v left join extra e on e.job_id = v.job_id`,
    );
    await db.admin.query(`update reaper.adapter
      set (relations, relation_ids) = (select array_agg(b.name), array_agg(b.id) from (select distinct name, id
             from reaper.behind_adapter() where kind = 'relation') b)`);
    expect(await levels('view')).toEqual(['ok']);
    await db.admin.query('create or replace view extra as select job_id from members; drop table teams');
    expect(await examine('view', patient)).toMatchObject([
      { level: 'warn', got: 'it now reads public.members, no longer reads public.teams' },
    ]);
    await migrate(db.adminUrl, null);
    expect(await levels('view')).toEqual(['ok']);
  });

  it('fails when rules hide rows', async () => {
    const owner = `hidden_${Math.random().toString(36).slice(2)}`;
    await db.admin.query(`
      create role ${owner} nologin; grant select on all tables in schema public to ${owner};
      grant usage, create on schema reaper to ${owner}; alter view reaper.running_job owner to ${owner};
      alter table jobs enable row level security`);
    try {
      expect(await examine('view', patient)).toMatchObject([
        {
          level: 'fail',
          got: expect.stringContaining('row-level security policy for table "jobs"') as string,
        },
      ]);
    } finally {
      await db.admin.query(
        `reassign owned by ${owner} to current_user; drop owned by ${owner}; drop role ${owner}`,
      );
    }
  });

  it('warns of a view that depends on a session setting', async () => {
    const { rows } = await db.admin.query<{ sql: string }>(
      `select pg_get_viewdef('reaper.running_job'::regclass) as sql`,
    );
    const view = (rows[0]?.sql ?? '').replace(/;\s*$/, '');
    await db.admin.query(`create or replace view reaper.running_job as
      select * from (${view}) v where coalesce(current_setting('app.tenant', true), '') in ('', agent)`);
    expect(await examine('view', patient)).toMatchObject([
      {
        level: 'warn',
        got: expect.stringContaining('reaper.running_job depends on the current user') as string,
      },
    ]);
  });

  it('fails if the id sequence is behind the rows', async () => {
    await claimRun(db.reaper, await insertRunningJob(db.admin, { id: 'j1', pid: 4242 }));
    await db.admin.query('alter table reaper.ledger alter column id restart with 1');
    expect(await examine('view', patient)).toMatchObject([
      { level: 'fail', got: 'the next id is 1, but the highest is 1: new rows cannot be written' },
    ]);
  });

  it('warns if an older version kept no copy, and if a role with fewer rights owns the tables', async () => {
    const owner = `weak_${Math.random().toString(36).slice(2)}`;
    await db.admin.query(
      `delete from reaper.adapter; create role ${owner} nologin; alter table jobs owner to ${owner}`,
    );
    try {
      expect(await examine('view', patient)).toMatchObject([
        { level: 'warn', expected: 'a stored copy of the adapter' },
        { level: 'warn', got: expect.stringContaining(`claims run the triggers of ${owner}`) as string },
      ]);
    } finally {
      await db.admin.query(`reassign owned by ${owner} to current_user; drop role ${owner}`);
    }
  });
});

describe('session', () => {
  it('is ok', async () => expect(await levels('session')).toEqual(['ok']));

  it.each([
    ['transaction_read_only', 'on', 'read-only: default_transaction_read_only is on'],
    ['session_replication_role', 'replica', 'replica'],
    ['statement_timeout', '0', '0'],
    ['lock_timeout', '1s', '1000'],
    ['standard_conforming_strings', 'off', 'off'],
    ['client_encoding', 'LATIN1', 'LATIN1'],
    ['DateStyle', 'German', 'German, DMY'],
    ['TimeZone', 'Asia/Tokyo', 'Asia/Tokyo'],
    ['search_path', 'public', 'public'],
  ])('fails when %s is %s', async (name, value, got) => {
    const connection = await db.admin.connect();
    try {
      // Like a pooler that runs each statement on its own, or resets the session between two: our settings are lost.
      const wanted = sessionSettings({ statementMs: 10_000, idleInTransactionMs: 30_000 });
      await connection.query('begin');
      await connection.query(setLocally(wanted));
      await connection.query(`set local ${name} = '${value}'`);
      const pool = {
        query: connection.query.bind(connection),
        readBack: () => findLostSettings(connection, wanted),
      } as unknown as Pool;
      const { context } = patient;
      const found = await examine('session', { ...patient, context: { ...context, pool } });
      expect(found).toMatchObject([{ level: 'fail', got }]);
    } finally {
      connection.release(true);
    }
  });
});

describe('workers', () => {
  it('has nothing to say where rows name processes', async () => {
    await insertNamed(db.admin, 'j1', 'run-1');
    expect(await examine('workers', patient)).toMatchObject([
      { level: 'ok', got: 'rows name processes, not workers' },
    ]);
  });

  it('names the workers whose process cannot be told, and why', async () => {
    await nameWorkers(db.admin);
    expect(await levels('workers')).toEqual(['ok']);
    const { token } = TOKEN_VECTOR;
    await insertNamed(db.admin, 'j1', 'pool-1');
    await insertNamed(db.admin, 'j2', token);
    await insertNamed(db.admin, 'j3', 'pool-3');
    await insertNamed(db.admin, 'j4', token.slice(0, -1));
    for (const other of [token, formatToken({ ...TOKEN_VECTOR.parts, pid: 1 })])
      await db.admin.query('select reaper.announce($1, $2)', ['pool-3', other]);
    expect(await examine('workers', patient)).toMatchObject([
      { level: 'fail', got: `no probe has reported the boot of 1 worker with 1 running job (${token})` },
      {
        level: 'fail',
        got: `the name has what looks like a token, but is none: 1 worker with 1 running job (${token.slice(0, -1)})`,
      },
      { level: 'warn', got: 'no token: 1 worker with 1 running job (pool-1)' },
      { level: 'fail', got: 'two processes announced the same id: 1 worker with 1 running job (pool-3)' },
    ]);
    await insertBoot(db.admin, { boot: TOKEN_VECTOR.parts.bootId });
    expect(await levels('workers')).toEqual(['fail', 'warn', 'fail']);
    expect(
      (await db.reaper.query('select host from reaper.running_job where job_id = $1', ['j2'])).rows,
    ).toEqual([{ host: 'host-1' }]);
  });
});

describe('crash budget', () => {
  const allow = (maxCrashes?: number) =>
    publishPolicy(db.reaper, { ...DEFAULT_POLICY, ...(maxCrashes && { maxCrashes }) }, 'test');
  const dies = (
    job: string,
    times: number,
    { outcome = 'queued', days = 0, cause = 'process', budget = false } = {},
  ) =>
    db.admin.query(
      `insert into reaper.ledger (claimed_at, job_id, run_key, outcome, tier, reason, evidence, claimer, workflow_id, cause)
       select reaper.now() - make_interval(days => $3), $1, gen_random_uuid()::text, $4, 1, 'r',
              case when $6 then jsonb_build_object('crashBudget', jsonb_build_object('outcome', $4::text, 'deaths', 3, 'max', 2)) else '{}' end,
              'c', 'w', $5
         from generate_series(1, $2::integer)`,
      [job, times, days, outcome, cause, budget],
    );
  const found = async () =>
    (await examine('crash budget', patient)).map(({ level, got, todo }) => ({ level, got, todo }));

  it('warns without one of jobs that die by their own process again and again, and of no others', async () => {
    await dies('old', 4, { days: 8 });
    await dies('reboots', 4, { cause: 'reboot' });
    await dies('twice', 2);
    await dies('over', 4);
    await dies('over', 1, { outcome: 'failed' });
    expect(await levels('crash budget')).toEqual(['ok']);
    await dies('j', 3);
    await dies('k', 5);
    expect(await found()).toEqual([
      {
        level: 'warn',
        got: 'these died by their own process within a week, and were requeued: job k 5 times, job j 3 times',
        todo: expect.stringContaining('set REAPER_MAX_CRASHES') as string,
      },
    ]);
    await allow(5);
    expect(await levels('crash budget')).toEqual(['ok']);
  });

  it('warns with one of jobs that it could only requeue, while that is recent', async () => {
    await allow(2);
    await dies('failed', 1, { outcome: 'failed', budget: true });
    await dies('old', 1, { budget: true, days: 2 });
    expect(await levels('crash budget')).toEqual(['ok']);
    await dies('j', 1, { budget: true });
    expect(await found()).toMatchObject([
      { level: 'warn', got: expect.stringMatching(/^job j has died 3 times, and was requeued/) as string },
    ]);
  });

  it('names such a job once, and not if it has failed since', async () => {
    await allow(2);
    await dies('failed later', 1, { budget: true });
    await dies('failed later', 1, { outcome: 'failed', budget: true });
    await dies('j', 3, { budget: true });
    expect(await found()).toMatchObject([
      { level: 'warn', got: expect.stringMatching(/^job j has died 3 times/) as string },
    ]);
  });

  it('warns with one of rows without a stamp, and of an adapter that does not tell which jobs are queued', async () => {
    await insertRunningJob(db.admin, { id: 'j', pid: 7 });
    await db.admin.query('drop function reaper.open_jobs(text[])');
    expect(await levels('crash budget')).toEqual(['ok']);
    await allow(2);
    expect((await found()).map(({ level, got }) => [level, got])).toEqual([
      ['warn', '1 running job without one: the budget fails none of these'],
      ['warn', 'it has no reaper.open_jobs: prune forgets the deaths of jobs that are queued'],
    ]);
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

describe.skipIf(process.platform !== 'linux')('processes (needs Linux)', () => {
  it('is ok', async () => {
    expect(await levels('processes')).toEqual(['ok']);
  });

  it('fails if REAPER_PROC is not the host’s /proc', async () => {
    const { context } = patient;
    const settings = { ...context.settings, REAPER_PROC: '/tmp' };
    expect(await examine('processes', { ...patient, context: { ...context, settings } })).toMatchObject([
      { level: 'fail', got: 'it is not a mount of proc' },
    ]);
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

  it('says how to declare a boot that is over, and what lets the next reboot be proven', async () => {
    const { pid, processIdentity } = startProcess();
    const boot = '00000000-0000-4000-8000-000000000001';
    const [system, machine, , ...rest] = processIdentity.split(':');
    const before = [system, machine, boot, ...rest].join(':');
    await insertRunningJob(db.admin, { id: 'j1', pid, processIdentity: before });
    expect(await examine('stamps', patient)).toMatchObject([
      {
        level: 'fail',
        got: expect.stringMatching(/^1 of 1 are unknown/) as string,
        todo: expect.stringMatching(`job-reaper boot-gone ${boot}.*/etc/machine-id`) as string,
      },
    ]);
  });

  it('warns of rows without a stamp, and fails for runs that another host could not judge', async () => {
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
