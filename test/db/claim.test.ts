import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findLedgerEntry } from '../../src/db/ledger.js';
import { operate } from '../../src/db/operate.js';
import type { RunRef } from '../../src/domain/types.js';
import { claimRun, countLedger } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob, readJob } from '../support/rows.js';

let db: TestDatabase;
let run: RunRef & { runId: string };

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.clean();
  run = await insertRunningJob(db.admin, {
    id: 'j1',
    stage: 'development',
    processIdentity: 'linux:m:b:1:2',
  });
});

const seen = { processIdentity: 'linux:m:b:1:2' };
const advance = { fromStage: 'development', toStage: 'review', nextAgent: 'reviewer' };

describe('a claim that wins', () => {
  it('requeues: clears what belonged to the run, keeps the attempts, and is recorded', async () => {
    const result = await claimRun(db.reaper, run, { run: seen });
    expect(result).toMatchObject({ result: 'won', detail: 'queued' });
    expect(await readJob(db.admin, 'j1')).toMatchObject({
      status: 'queued',
      error: 'reaped: dead pid=4242 (run_id=r)',
      attempts: 1,
      host: null,
      pid: null,
      process_identity: null,
      run_id: null,
      started_at: null,
      finished_at: null,
    });
    const { rows } = await db.admin.query('select * from reaper.ledger');
    expect(rows).toMatchObject([
      {
        id: result.ledgerId,
        job_id: 'j1',
        run_key: run.runKey,
        run_id: run.runId,
        pid: 4242,
        host: 'host-1',
        outcome: 'queued',
        tier: 1,
        reason: 'dead pid=4242',
        claimer: 'watch-1',
        evidence: { liveness: { state: 'dead' } },
      },
    ]);
    expect(result.notificationId).toBeNull();
    expect((await db.admin.query('select from reaper.notification')).rowCount).toBe(0);
  });

  it('is recorded however long the texts of the row are: an index has no room for any', async () => {
    const own = await createTestDatabase();
    try {
      await own.admin.query('drop index jobs_running_idx');
      const long = randomBytes(5_000).toString('hex');
      const row = { agent: long, repo: long, host: long, processIdentity: long };
      const ref = await insertRunningJob(own.admin, row);
      const result = await claimRun(own.reaper, ref, { run: { processIdentity: long } });
      expect(result).toMatchObject({ result: 'won' });
      expect((await own.admin.query('select agent, host, process_identity from reaper.ledger')).rows).toEqual(
        [{ agent: long, host: long, process_identity: long }],
      );
    } finally {
      await own.drop();
    }
  });

  it('fails: keeps what belonged to the run, and owes a notification', async () => {
    const { ledgerId, notificationId } = await claimRun(db.reaper, run, { run: seen, outcome: 'failed' });
    expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'failed', pid: 4242, run_id: run.runId });
    expect((await readJob(db.admin, 'j1'))['finished_at']).toBeInstanceOf(Date);
    expect(notificationId).not.toBeNull();
    expect(await findLedgerEntry(db.reaper, run)).toMatchObject({ id: ledgerId, notificationId, owed: true });
  });

  it('finishes and advances at once: stage moved, one job of the next stage', async () => {
    await claimRun(db.reaper, run, { run: seen, outcome: 'done', error: null, advance });
    expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'done', error: null });
    const { rows } = await db.admin.query('select stage from tasks');
    expect(rows).toEqual([{ stage: 'review' }]);
    const { rows: next } = await db.admin.query(`select * from jobs where id <> 'j1'`);
    expect(next).toMatchObject([
      { task_id: 'task-j1', agent: 'reviewer', repo: 'web', status: 'queued', attempts: 0, max_attempts: 2 },
    ]);
  });

  it('enqueues no job for a stage without an agent', async () => {
    const last = { fromStage: 'development', toStage: 'done', nextAgent: null };
    await claimRun(db.reaper, run, { run: seen, outcome: 'done', error: null, advance: last });
    const { rows } = await db.admin.query(
      'select (select stage from tasks) as stage, count(*) as jobs from jobs',
    );
    expect(rows).toEqual([{ stage: 'done', jobs: 1 }]);
  });

  it('wins again when its own activity runs again, and does nothing more', async () => {
    const first = await claimRun(db.reaper, run, { run: seen, outcome: 'done', error: null, advance });
    const again = await claimRun(db.reaper, run, { run: seen, outcome: 'done', error: null, advance });
    expect(again).toEqual({ ...first, detail: 'done' });
    const { rows } = await db.admin.query('select count(*) as jobs from jobs');
    expect(rows).toEqual([{ jobs: 2 }]);
    expect(await countLedger(db.admin)).toBe(1);
  });
});

describe('a claim that does not win leaves everything as it was', () => {
  it.each([
    ['the run is over', `update jobs set status = 'done' where id = 'j1'`, 'lost'],
    ['the job is gone', `delete from jobs where id = 'j1'`, 'lost'],
    [
      'the job was retried under a new run',
      `update jobs set attempts = 2, started_at = reaper.now(), run_id = null where id = 'j1'`,
      'lost',
    ],
    ['the pid changed', `update jobs set pid = 4243 where id = 'j1'`, 'changed'],
    ['the pid went', `update jobs set pid = null where id = 'j1'`, 'changed'],
    ['the identity changed', `update jobs set process_identity = 'linux:m:b:1:3' where id = 'j1'`, 'changed'],
    ['the identity went', `update jobs set process_identity = null where id = 'j1'`, 'changed'],
    [
      'an exit code was recorded',
      `update agent_runs set exit_code = 0, finished_at = reaper.now()`,
      'changed',
    ],
    ['the stage moved', `update tasks set stage = 'review'`, 'changed'],
    ['it is paused', `select reaper.pause('r', 'op')`, 'blocked'],
    ['it is a dry run', `select reaper.set_mode('observe', 'op')`, 'blocked'],
    ['it is disabled', `select reaper.publish_policy('{"enabled": false}', 'w')`, 'blocked'],
    ['the job is held', `select reaper.put_hold('job', 'j1', 'r', 'op', 60)`, 'blocked'],
    ['the agent is held', `select reaper.put_hold('agent', 'developer', 'r', 'op', 60)`, 'blocked'],
    ['the repo is held', `select reaper.put_hold('repo', 'web', 'r', 'op', 60)`, 'blocked'],
    ['the host is held', `select reaper.put_hold('host', 'host-1', 'r', 'op', 60)`, 'blocked'],
  ])('%s', async (_, sql, result) => {
    await db.admin.query(sql);
    const before = await db.admin.query(
      'select to_jsonb(j) as job from jobs j union all select to_jsonb(t) from tasks t',
    );
    const claimed = await claimRun(db.reaper, run, { run: seen, outcome: 'done', error: null, advance });
    expect(claimed.result).toBe(result);
    const after = await db.admin.query(
      'select to_jsonb(j) as job from jobs j union all select to_jsonb(t) from tasks t',
    );
    expect(after.rows).toEqual(before.rows);
    expect(await countLedger(db.admin)).toBe(0);
  });

  it('lost to another claimer', async () => {
    await claimRun(db.reaper, run, { run: seen, claimer: 'watch-2' });
    expect((await claimRun(db.reaper, run, { run: seen })).result).toBe('lost');
  });

  it('lost by its run key, although the job runs again with the same pid', async () => {
    await claimRun(db.reaper, run, { run: seen });
    await db.admin.query(
      `update jobs set status = 'running', attempts = 2, pid = 4242, process_identity = $1, host = 'host-1', started_at = reaper.now()`,
      [seen.processIdentity],
    );
    const before = await readJob(db.admin, 'j1');
    expect((await claimRun(db.reaper, run, { run: seen, claimer: 'watch-2' })).result).toBe('lost');
    expect(await readJob(db.admin, 'j1')).toEqual(before);
  });

  it('ignores holds on others, and holds that are over', async () => {
    await operate(db.reaper, {
      action: 'hold',
      kind: 'job',
      value: 'j2',
      reason: 'r',
      seconds: 60,
      by: 'op',
    });
    await operate(db.reaper, {
      action: 'hold',
      kind: 'repo',
      value: 'web',
      reason: 'r',
      seconds: 0,
      by: 'op',
    });
    expect((await claimRun(db.reaper, run, { run: seen })).result).toBe('won');
  });
});

describe('the dry run', () => {
  beforeEach(() => db.admin.query(`select reaper.set_mode('observe', 'op')`));

  it('records a would-be reap once, however often it is claimed', async () => {
    await claimRun(db.reaper, run, { run: seen });
    await claimRun(db.reaper, run, { run: seen });
    const { rows } = await db.admin.query(
      'select job_id, run_key, outcome, tier, reason, became from reaper.observation',
    );
    expect(rows).toEqual([
      {
        job_id: 'j1',
        run_key: run.runKey,
        outcome: 'queued',
        tier: 1,
        reason: 'dead pid=4242',
        became: null,
      },
    ]);
  });

  it('records nothing on stale facts', async () => {
    await claimRun(db.reaper, run, { run: { ...seen, pid: 1 } });
    const { rows } = await db.admin.query('select * from reaper.observation');
    expect(rows).toEqual([]);
  });

  it('leaves a reported run out of examination until its facts change', async () => {
    const examinable = async () =>
      (await db.probe.query('select job_id from reaper.examinable_run')).rowCount;
    expect(await examinable()).toBe(1);
    await claimRun(db.reaper, run, { run: seen });
    expect(await examinable()).toBe(0);
    await db.admin.query('update agent_runs set exit_code = 1, finished_at = reaper.now()');
    expect(await examinable()).toBe(1);
    await claimRun(db.reaper, run, { tier: 2, run: { ...seen, exitCode: 1 } });
    expect(await examinable()).toBe(0);
    await db.admin.query(`select reaper.set_mode('active', 'op')`);
    expect(await examinable()).toBe(1);
  });

  it('is completed with what became of the run', async () => {
    const other = await insertRunningJob(db.admin, { id: 'j2' });
    const third = await insertRunningJob(db.admin, { id: 'j3' });
    await claimRun(db.reaper, run, { run: seen });
    await claimRun(db.reaper, other);
    await claimRun(db.reaper, third);
    await db.admin.query(`update jobs set status = 'done' where id = 'j2'`);
    await db.admin.query(`select reaper.set_mode('active', 'op')`);
    await claimRun(db.reaper, run, { run: seen });
    await db.reaper.query(`select reaper.record_sweep(reaper.now(), '{}')`);
    const { rows } = await db.admin.query('select job_id, became from reaper.observation order by 1');
    expect(rows).toEqual([
      { job_id: 'j1', became: 'reaped' },
      { job_id: 'j2', became: 'ended by itself' },
      { job_id: 'j3', became: null },
    ]);
  });
});

it.each(['repeatable read', 'serializable'])('refuses isolation level %s', async (level) => {
  const client = await db.reaper.connect();
  try {
    await client.query(`begin isolation level ${level}`);
    const claimed = client.query(
      `select * from reaper.claim($1, $2, 'c', 'w', 'queued', 1, 'r', null, '{}', 4242, $3, null)`,
      [run.jobId, run.runKey, seen.processIdentity],
    );
    await expect(claimed).rejects.toThrow(/expected isolation level "read committed"/);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

it('claims at read committed even if the session defaults to another level', async () => {
  const other = await createTestDatabase();
  try {
    await other.admin.query(
      `alter database ${new URL(other.adminUrl).pathname.slice(1)} set default_transaction_isolation to serializable`,
    );
    const theirs = await insertRunningJob(other.admin, { id: 'j1' });
    await expect(claimRun(other.reaper, theirs)).resolves.toMatchObject({ result: 'won' });
  } finally {
    await other.drop();
  }
});

it('does nothing on the minimal adapter that the reference one would not', async () => {
  const minimal = await createTestDatabase('minimal');
  try {
    const { rows } = await minimal.admin.query<{ id: number; run: string }>(
      `insert into jobs (kind, status, attempts, run, host, pid, started_at)
       values ('render', 'running', 1, gen_random_uuid(), 'h', 7, reaper.now()) returning id, run`,
    );
    const ref = { jobId: String(rows[0]?.id), runKey: rows[0]?.run ?? '' };
    expect((await claimRun(minimal.reaper, ref, { run: { pid: 7 } })).result).toBe('blocked');
    await minimal.admin.query(`select reaper.set_mode('active', 'op')`);
    expect((await claimRun(minimal.reaper, ref, { run: { pid: 7 } })).result).toBe('won');
    expect((await minimal.admin.query('select status, run, pid from jobs')).rows).toEqual([
      { status: 'queued', run: null, pid: null },
    ]);
  } finally {
    await minimal.drop();
  }
});
