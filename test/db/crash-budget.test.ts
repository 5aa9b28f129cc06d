import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Claim, ClaimResult } from '../../src/db/claim.js';
import { claimMany, type BatchResult } from '../../src/db/claim-many.js';
import { listLedger } from '../../src/db/ledger.js';
import { observeRun, observeRuns } from '../../src/db/observe-run.js';
import { publishPolicy } from '../../src/db/policy.js';
import { prune } from '../../src/db/prune.js';
import { readDatabaseNow } from '../../src/db/report-host.js';
import { planClaim, type ClaimPlan } from '../../src/domain/claim-plan.js';
import type { CrashFacts } from '../../src/domain/crash-budget.js';
import type { DeathCause } from '../../src/domain/liveness.js';
import { DEFAULT_POLICY, FRESH_MEMORY, type JobRun, type RunRef } from '../../src/domain/types.js';
import { formatToken } from '../../src/liveness/token.js';
import { BOOT_A, INITIAL_NAMESPACE, insertBoot } from '../support/boots.js';
import { claimRun } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction } from '../support/locks.js';
import { insertNamed, nameWorkers } from '../support/named-workers.js';
import { insertRunningJob, readJob, type RunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

const DAY_S = 86_400;
let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.clean();
  await allow(2);
});

const allow = (maxCrashes: number | undefined) =>
  publishPolicy(db.reaper, { ...DEFAULT_POLICY, ...(maxCrashes && { maxCrashes }) }, 'test');
const stamp = (start: number) => `linux:m:b:1:${start}`;
const sameProcess = { pid: 77, processIdentity: stamp(77) };

/** A run of a job in a process of its own. */
let serial = 0;
const inOwnProcess = (): Pick<RunningJob, 'pid' | 'processIdentity'> => {
  serial += 1;
  return { pid: 1000 + serial, processIdentity: stamp(serial) };
};

const reap = { kind: 'reap', tier: 1, path: 'unknown-outcome', reason: 'dead' } as const;
function planFor(run: JobRun, crashes: CrashFacts | null, cause: DeathCause = 'process'): ClaimPlan {
  const liveness = { state: 'dead', proven: false, cause, evidence: 'absent' } as const;
  const policy = { ...DEFAULT_POLICY, maxCrashes: 2 };
  return planClaim(reap, { run, liveness, alerted: false, crashes }, FRESH_MEMORY, policy, null);
}

/** Looks at a run and plans its claim, as its watch does. */
async function look(ref: RunRef, cause?: DeathCause): Promise<Omit<Claim, 'claimer' | 'workflowId'>> {
  const { run, crashes } = await observeRun(db.reaper, ref);
  if (run === null) throw new Error(`Expected run ${ref.jobId}, got none`);
  return { ...planFor(run, crashes, cause), run };
}

const claimPlanned = (plan: Omit<Claim, 'claimer' | 'workflowId'>): Promise<ClaimResult> =>
  claimRun(db.reaper, plan.run, plan);

/** Looks at runs and claims them in one transaction, as a host watch does. */
async function claimBatch(
  refs: readonly RunRef[],
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Record<string, string>> {
  const { running } = await observeRuns(db.reaper, refs);
  await meanwhile();
  const results: BatchResult[] = await claimMany(db.reaper, {
    claimer: 'storm-1',
    workflowId: 'reaper/host/1',
    lookedAtMs: running[0]?.readMs ?? 0,
    limitMs: 60_000,
    claims: running.map(({ run, crashes }) => ({ ...planFor(run, crashes), run })),
  });
  return Object.fromEntries(results.map(({ jobId, result, detail }) => [jobId, `${result} ${detail}`]));
}

/** Lets a job run once more, in this process. */
async function runAgain(id: string, process: Partial<RunningJob>): Promise<RunRef> {
  await db.admin.query('delete from jobs where id = $1', [id]);
  return insertRunningJob(db.admin, { id, attempts: 0, maxAttempts: 99, ...process });
}

/** Lets a job die so often, alone in its process, with the claim that many days ago. */
async function dies(
  id: string,
  times: number,
  { days = 0, cause = 'process' }: { days?: number; cause?: DeathCause } = {},
) {
  for (let n = 0; n < times; n += 1) {
    const ref = await runAgain(id, inOwnProcess());
    expect(await claimPlanned(await look(ref, cause))).toMatchObject({ result: 'won', detail: 'queued' });
  }
  await db.admin.query(
    'update reaper.ledger set claimed_at = claimed_at - make_interval(days => $2) where job_id = $1',
    [id, days],
  );
}

/** Each test has its own database, because the definitions differ. */
async function withOpenJobs(sql: string, test: () => Promise<void>): Promise<void> {
  const shared = db;
  db = await createTestDatabase();
  try {
    await allow(2);
    await db.admin.query(sql);
    await test();
  } finally {
    await db.drop();
    db = shared;
  }
}

const notified = async () =>
  (
    await db.admin.query<{ kind: string; text: string }>(
      'select kind, text from reaper.notification order by id',
    )
  ).rows;
const crashes = async (ref: RunRef) => (await observeRun(db.reaper, ref)).crashes;

describe('the deaths of a job', () => {
  it('count if they were those of its process alone', async () => {
    await dies('j', 1);
    for (const cause of ['reboot', 'host-gone', 'boot-gone'] as const) await dies('j', 1, { cause });
    await dies('other', 2);
    expect(await crashes(await runAgain('j', inOwnProcess()))).toEqual({ earlier: 1, alone: null });
    expect((await listLedger(db.reaper, { jobId: 'j' })).map(({ cause }) => cause)).toEqual([
      'boot-gone',
      'host-gone',
      'reboot',
      'process',
    ]);
  });

  it('do not count without a budget', async () => {
    await dies('j', 2);
    await allow(undefined);
    expect(await crashes(await runAgain('j', inOwnProcess()))).toBeNull();
  });

  it('do not count if the process was found alive later, nor for claims by exit code or age', async () => {
    await dies('j', 1);
    await db.admin.query(`
      insert into reaper.survivor (ledger_id, job_id, run_key, reason, claimed_at, evidence_then, evidence_now)
      select id, job_id, run_key, reason, claimed_at, '{}', 'alive' from reaper.ledger`);
    const aged = await runAgain('j', inOwnProcess());
    const plan = await look(aged);
    expect(await claimPlanned({ ...plan, tier: 3 })).toMatchObject({ result: 'won' });
    expect(await crashes(await runAgain('j', inOwnProcess()))).toEqual({ earlier: 0, alone: null });
  });
});

describe('the death over the budget', () => {
  it('fails a job that was alone in its process, with a notification', async () => {
    await dies('j', 2);
    const ref = await runAgain('j', inOwnProcess());
    await insertRunningJob(db.admin, { id: 'elsewhere', ...inOwnProcess() });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: true });
    expect(await claimPlanned(await look(ref))).toMatchObject({ result: 'won', detail: 'failed' });
    expect(await readJob(db.admin, 'j')).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('crash budget deaths=3>2: dead') as string,
    });
    expect(await notified()).toEqual([
      {
        kind: 'failed',
        text: '🚨 reaper: job j (developer, repo web) reaped as FAILED: crash budget deaths=3>2: dead',
      },
    ]);
  });

  it('requeues one that was not, with an alert that its watch sends', async () => {
    await dies('j', 2);
    const ref = await runAgain('j', sameProcess);
    await insertRunningJob(db.admin, { id: 'neighbour', ...sameProcess });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: false });
    const claimed = await claimPlanned(await look(ref));
    expect(claimed).toMatchObject({ result: 'won', detail: 'queued' });
    expect(claimed.notificationId).not.toBeNull();
    expect(await notified()).toMatchObject([
      {
        kind: 'crash budget',
        text: expect.stringContaining('job j (developer, repo web) was requeued') as string,
      },
    ]);
    // The neighbour has died once. That it was not alone is on record, though nobody else runs there any more.
    const [neighbour] = await listLedger(db.reaper, { jobId: 'j', limit: 1 });
    expect(neighbour?.evidence['crashBudget']).toEqual({
      max: 2,
      deaths: 3,
      alone: false,
      outcome: 'queued',
    });
  });

  it('requeues the last one of a process whose others were claimed before', async () => {
    await dies('j', 2);
    const ref = await runAgain('j', sameProcess);
    const neighbour = await insertRunningJob(db.admin, { id: 'neighbour', ...sameProcess });
    expect(await claimPlanned(await look(neighbour))).toMatchObject({ result: 'won', detail: 'queued' });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: false });
    expect(await claimPlanned(await look(ref))).toMatchObject({ result: 'won', detail: 'queued' });
  });

  it('takes no other process with the same pid, or the same stamp, for this one', async () => {
    await dies('j', 2);
    const ref = await runAgain('j', sameProcess);
    await insertRunningJob(db.admin, { id: 'same pid', pid: 77, processIdentity: stamp(79) });
    await insertRunningJob(db.admin, { id: 'same tick', pid: 78, processIdentity: stamp(77) });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: true });
  });

  it.each([
    ['another machine id', 'linux:image:b:1:77'],
    ['no machine id', 'linux::b:1:77'],
    ['a start that was rounded to the next tick', 'linux:m:b:1:78'],
    ['all of these', 'linux::b:1:76'],
  ])('knows a neighbour whose stamp of the same process has %s', async (_, processIdentity) => {
    await dies('j', 2);
    const ref = await runAgain('j', sameProcess);
    const neighbour = await insertRunningJob(db.admin, {
      id: 'neighbour',
      host: 'its-other-name',
      pid: 77,
      processIdentity,
    });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: false });
    expect(await claimPlanned(await look(neighbour))).toMatchObject({ result: 'won', detail: 'queued' });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: false });
    expect(await claimPlanned(await look(ref))).toMatchObject({ result: 'won', detail: 'queued' });
  });

  it.each([
    ['another boot of a machine with its id', 'linux:m:c:1:77'],
    ['a machine without an id', 'linux::c:1:77'],
    ['another pid namespace', 'linux:m:b:2:77'],
    ['two ticks later', 'linux:m:b:1:79'],
  ])('takes no process with the same pid for this one: %s', async (_, processIdentity) => {
    await dies('j', 2);
    const ref = await runAgain('j', sameProcess);
    const other = await insertRunningJob(db.admin, { id: 'other', pid: 77, processIdentity });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: true });
    expect(await claimPlanned(await look(other))).toMatchObject({ result: 'won', detail: 'queued' });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: true });
  });

  it('compares stamps of ps by host and start, however they are spaced', async () => {
    await dies('j', 2);
    const ref = await runAgain('j', { pid: 77, processIdentity: 'ps:mac-1:Thu Jan  1 10:00:00 2026' });
    const elsewhere = { pid: 77, processIdentity: 'ps:mac-2:Thu Jan  1 10:00:00 2026' };
    await insertRunningJob(db.admin, { id: 'elsewhere', ...elsewhere });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: true });
    const here = { pid: 77, processIdentity: 'ps:mac-1:Thu Jan 1 10:00:00 2026' };
    await insertRunningJob(db.admin, { id: 'here', ...here });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: false });
  });

  it('reads a stamp the same way in any session: it is indexed by it', async () => {
    const session = await db.admin.connect();
    try {
      const read = async (setting: string) => {
        await session.query(`set standard_conforming_strings = ${setting}; set escape_string_warning = off`);
        const { rows } = await session.query<{ process: string }>(
          'select reaper.stamped_process($1) as process',
          ['ps:suss-1:Thu Jan  1 10:00:00 2026'],
        );
        return rows[0]?.process;
      };
      expect([await read('on'), await read('off')]).toEqual(
        Array(2).fill('ps:suss-1:Thu Jan 1 10:00:00 2026'),
      );
    } finally {
      session.release(true);
    }
  });

  it('keeps no run from being claimed, however long its stamp is', async () => {
    await dies('j', 2);
    const processIdentity = randomBytes(5_000).toString('hex');
    const ref = await runAgain('j', { pid: 77, processIdentity });
    await insertRunningJob(db.admin, { id: 'neighbour', pid: 77, processIdentity });
    expect(await crashes(ref)).toEqual({ earlier: 2, alone: false });
    expect(await claimPlanned(await look(ref))).toMatchObject({ result: 'won', detail: 'queued' });
  });

  it('never fails a run without a stamp: whether it was alone cannot be told', async () => {
    await dies('j', 2);
    const ref = await runAgain('j', { pid: 4242 });
    expect(await claimPlanned(await look(ref))).toMatchObject({ result: 'won', detail: 'queued' });
    expect((await notified()).map(({ kind }) => kind)).toEqual(['crash budget']);
  });

  it('never fails a run while nothing says which worker runs another one: both may be in its process', async () => {
    await withOpenJobs('select 1', async () => {
      await dies('j', 2);
      await db.admin.query('delete from jobs');
      await nameWorkers(db.admin);
      await insertBoot(db.admin, { boot: BOOT_A, lastSeenS: 0 });
      const token = formatToken({ bootId: BOOT_A, pidNamespace: INITIAL_NAMESPACE, pid: 77, start: '4711' });
      await insertNamed(db.admin, 'j', token ?? '');
      const { rows } = await db.admin.query<{ jobId: string; runKey: string }>(
        `select job_id as "jobId", run_key as "runKey" from reaper.running_job where job_id = 'j'`,
      );
      const ref = rows[0] as RunRef;
      // It says that it is another worker.
      await insertNamed(db.admin, 'of another', 'pool-7');
      expect(await crashes(ref)).toEqual({ earlier: 2, alone: true });
      // On pg-boss, one whose take could not be noted.
      await db.admin.query(
        `insert into jobs (id, agent, repo, status, attempts, max_attempts, started_at)
         values ('unsaid', 'developer', 'web', 'running', 1, 2, reaper.now())`,
      );
      expect(await crashes(ref)).toEqual({ earlier: 2, alone: false });
      expect((await look(ref)).outcome).toBe('queued');
    });
  });

  it('is judged again when it is claimed: who was not alone by then is not failed', async () => {
    await dies('j', 2);
    const ref = await runAgain('j', sameProcess);
    const plan = await look(ref);
    expect(plan.outcome).toBe('failed');
    await insertRunningJob(db.admin, { id: 'seen late', ...sameProcess });
    expect(await claimPlanned(plan)).toMatchObject({ result: 'changed' });
    await allow(5);
    await db.admin.query(`delete from jobs where id = 'seen late'`);
    expect(await claimPlanned(plan)).toMatchObject({ result: 'changed' });
    expect(await readJob(db.admin, 'j')).toMatchObject({ status: 'running' });
    await allow(2);
    expect(await claimPlanned(plan)).toMatchObject({ result: 'won', detail: 'failed' });
  });

  it('fails what it would have failed in the dry run, too, on record only', async () => {
    await dies('j', 2);
    await db.admin.query(`select reaper.set_mode('observe', 'op')`);
    const ref = await runAgain('j', inOwnProcess());
    expect(await claimPlanned(await look(ref))).toMatchObject({ result: 'blocked' });
    const { rows } = await db.admin.query('select outcome, reason from reaper.observation');
    expect(rows).toEqual([{ outcome: 'failed', reason: 'crash budget deaths=3>2: dead' }]);
  });
});

describe('in a batch', () => {
  it('a process with ten jobs fails none of them, and alerts about each that is over the budget', async () => {
    const ids = Array.from({ length: 10 }, (_, n) => `j${n}`);
    for (const id of ids) await dies(id, 2);
    const refs = [];
    for (const id of ids) refs.push(await runAgain(id, sameProcess));
    expect(await claimBatch(refs)).toEqual(Object.fromEntries(ids.map((id) => [id, 'won queued'])));
    expect(await notified()).toEqual(
      ids.map(() => expect.objectContaining({ kind: 'crash budget' }) as object),
    );
  });

  it('a host’s death by its processes fails each job that was alone in one', async () => {
    const refs = [];
    for (const id of ['a', 'b', 'c', 'd']) {
      await dies(id, id === 'c' ? 1 : 2);
      refs.push(await runAgain(id, id === 'd' ? sameProcess : inOwnProcess()));
    }
    refs.push(await insertRunningJob(db.admin, { id: 'e', ...sameProcess }));
    expect(await claimBatch(refs)).toEqual({
      a: 'won failed',
      b: 'won failed',
      c: 'won queued',
      d: 'won queued',
      e: 'won queued',
    });
  });

  it('those that are not alone any more are changed, and hold up no other', async () => {
    const refs = [];
    for (const id of ['a', 'b']) {
      await dies(id, 2);
      refs.push(await runAgain(id, id === 'a' ? sameProcess : inOwnProcess()));
    }
    const late = () => insertRunningJob(db.admin, { id: 'seen late', ...sameProcess });
    expect(await claimBatch(refs, late)).toMatchObject({
      a: expect.stringMatching(/^changed over its crash budget/) as string,
      b: 'won failed',
    });
  });
});

describe.each<[string, (plan: Omit<Claim, 'claimer' | 'workflowId'>) => Promise<unknown>]>([
  ['a claim', claimPlanned],
  [
    'a batch of claims',
    async (plan) =>
      (
        await claimMany(db.reaper, {
          claimer: 'storm-1',
          workflowId: 'reaper/host/1',
          lookedAtMs: (await readDatabaseNow(db.reaper)).getTime(),
          claims: [plan],
        })
      )[0],
  ],
])('%s that reads the running jobs once more', (_, send) => {
  it('holds up neither a pause nor its row meanwhile', async () => {
    await withOpenJobs(
      `create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
         language plpgsql as $$
         begin
           while not pg_try_advisory_lock_shared(1) loop perform pg_sleep(0.01); end loop;
           perform pg_advisory_unlock_shared(1);
         end $$`,
      async () => {
        await dies('j', 2);
        const plan = await look(await runAgain('j', inOwnProcess()));
        const slow = await OpenTransaction.begin(db.admin);
        await slow.run('select pg_advisory_xact_lock(1)');
        const sent = send(plan);
        const operator = await OpenTransaction.begin(db.admin);
        try {
          await eventually('the claim to be reading', async () => {
            const { rows } = await db.admin.query(
              `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`,
            );
            return rows.length > 0;
          });
          await operator.run(`select from jobs where id = 'j' for update nowait`);
          await operator.run('lock table reaper.control in share row exclusive mode nowait');
          await operator.run(`select reaper.pause('r', 'op')`);
          await operator.commit();
        } catch (error) {
          await operator.rollback();
          throw error;
        } finally {
          await slow.rollback();
          await sent.catch(() => undefined);
        }
        expect(await sent).toMatchObject({ result: 'blocked' });
      },
    );
  });
});

describe('prune', () => {
  const kept = async () =>
    (
      await db.admin.query<{ job_id: string; n: number }>(
        'select job_id, count(*) as n from reaper.ledger group by job_id order by job_id',
      )
    ).rows.map(({ job_id, n }) => `${job_id} ${n}`);

  beforeEach(async () => {
    await dies('queued', 2, { days: 100 });
    await dies('running', 2, { days: 100 });
    await runAgain('running', inOwnProcess());
    await dies('done', 2, { days: 100 });
    await db.admin.query(`update jobs set status = 'done' where id = 'done'`);
    await dies('gone', 2, { days: 100 });
    await db.admin.query(`delete from jobs where id = 'gone'`);
    await dies('rebooted', 1, { days: 100, cause: 'reboot' });
    await dies('newest', 1);
  });

  it('keeps the deaths of jobs that are running or queued, and no others', async () => {
    expect(await prune(db.admin, 90 * DAY_S)).toMatchObject({ claims: 5 });
    expect(await kept()).toEqual(['newest 1', 'queued 2', 'running 2']);
    expect(await crashes(await runAgain('queued', inOwnProcess()))).toEqual({ earlier: 2, alone: true });
  });

  it('keeps no more of one than the budget counts, however often it goes round', async () => {
    for (let n = 0; n < 4; n += 1) {
      const ref = await runAgain('queued', sameProcess);
      const neighbour = await insertRunningJob(db.admin, { id: `n${n}`, ...sameProcess });
      await claimPlanned(await look(ref));
      await db.admin.query('delete from jobs where id = $1', [neighbour.jobId]);
    }
    await db.admin.query(
      `update reaper.ledger set claimed_at = claimed_at - interval '100 days' where job_id = 'queued';
       update reaper.notification set owed = false`,
    );
    await prune(db.admin, 90 * DAY_S);
    expect(await kept()).toEqual(['newest 1', 'queued 2', 'running 2']);
  });

  it('keeps none without a budget', async () => {
    await allow(undefined);
    await prune(db.admin, 90 * DAY_S);
    expect(await kept()).toEqual(['newest 1']);
  });
});

describe('an adapter', () => {
  it('that tells when a job was made keeps the deaths of an earlier one with its id apart', async () => {
    await withOpenJobs(
      `create or replace function reaper.open_jobs(p_job_ids text[]) returns table (job_id text, created_at timestamptz)
         language sql stable as $$ select id, finished_at from public.jobs where id = any (p_job_ids) $$`,
      async () => {
        await dies('j', 2);
        const ref = await runAgain('j', inOwnProcess());
        expect(await crashes(ref)).toEqual({ earlier: 2, alone: true });
        await db.admin.query(`update jobs set finished_at = reaper.now() where id = 'j'`);
        expect(await crashes(ref)).toEqual({ earlier: 0, alone: null });
      },
    );
  });

  it('that cannot tell which jobs are queued keeps the deaths of the running ones', async () => {
    await withOpenJobs('drop function reaper.open_jobs(text[])', async () => {
      await dies('queued', 2, { days: 100 });
      await dies('running', 2, { days: 100 });
      await runAgain('running', inOwnProcess());
      await dies('newest', 1);
      expect(await prune(db.admin, 90 * DAY_S)).toMatchObject({ claims: 2 });
      expect((await listLedger(db.reaper, { jobId: 'running' })).length).toBe(2);
    });
  });
});
