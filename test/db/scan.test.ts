import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { oweBackstopAlert } from '../../src/db/backstop-alert.js';
import type { Queryable } from '../../src/db/database.js';
import { readFleet, readRuns } from '../../src/db/fleet.js';
import { readHostRuns } from '../../src/db/host-runs.js';
import { observeRun } from '../../src/db/observe-run.js';
import { operate } from '../../src/db/operate.js';
import { countSymptoms, readSymptoms } from '../../src/db/symptoms.js';
import type { Cursor } from '../../src/domain/page.js';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';
import { aRun } from '../support/run.js';
import { eventually } from '../support/wait.js';

describe('a scan', () => {
  let db: TestDatabase;
  beforeEach(async () => {
    db = await createTestDatabase();
  });
  afterEach(() => db.drop());

  async function symptoms(limit = 100) {
    const page = await readSymptoms(db.reaper, DEFAULT_POLICY, null, limit);
    return page.items.map(({ jobId, symptom }) => `${jobId}: ${symptom}`);
  }

  it('finds recorded exit codes and ages at the ceiling, oldest first', async () => {
    await insertRunningJob(db.admin, { id: 'healthy' });
    await insertRunningJob(db.admin, { id: 'exited', exitCode: 0, startedS: 50 });
    await insertRunningJob(db.admin, { id: 'old', startedS: 7200 });
    await insertRunningJob(db.admin, { id: 'nearly', startedS: 7190 });
    await insertRunningJob(db.admin, { id: 'ageless', startedS: 7300, exitCode: 1, exitedS: null });
    expect(await symptoms()).toEqual(['ageless: exit code', 'old: age', 'exited: exit code']);
  });

  it('reads ages by the database and truncates them', async () => {
    const run = await insertRunningJob(db.admin, { startedS: 59.9, exitCode: 1, exitedS: 10.9 });
    await db.admin.query(`create or replace function reaper.now() returns timestamptz language sql as
      $$ select max(started_at) + interval '59.9 s' from public.jobs $$`);
    await db.admin.query('grant select on public.jobs to reaper');
    const { run: row } = await observeRun(db.reaper, run);
    expect(row).toMatchObject({ ageS: 59 });
    expect([10, 11]).toContain(row?.exitAgeS);
  });

  it('leaves out an alerted run, but not when its exit code shows', async () => {
    const run = await insertRunningJob(db.admin, { id: 'old', startedS: 7200 });
    await oweBackstopAlert(db.reaper, aRun(run), 'backstop age=7200s>=7200s');
    await db.admin.query(`insert into reaper.host_probe (host, answered_at) values ('host-1', reaper.now())`);
    expect(await symptoms()).toEqual([]);
    expect(
      (await readSymptoms(db.reaper, { ...DEFAULT_POLICY, backstopAlive: 'reap' }, null, 9)).items,
    ).toHaveLength(1);
    await db.admin.query('update agent_runs set exit_code = 0');
    expect(await symptoms()).toEqual(['old: exit code']);
  });

  it.each([
    ['job', 'held'],
    ['agent', 'developer'],
    ['repo', 'web'],
    ['host', 'host-1'],
  ] as const)('leaves out a run whose %s is held', async (kind, value) => {
    await insertRunningJob(db.admin, { id: 'held', exitCode: 1 });
    const held = { action: 'hold', kind, value, reason: 'r', seconds: 60, by: 'op' } as const;
    await operate(db.reaper, held);
    expect(await symptoms()).toEqual([]);
    expect(await readHostRuns(db.probe, 'host-1')).toEqual([]);
    await operate(db.reaper, { ...held, action: 'release' });
    expect(await symptoms()).toEqual(['held: exit code']);
  });

  it.each([
    ['symptoms', (pool: Queryable) => readSymptoms(pool, DEFAULT_POLICY, null, 9)],
    ['host', (pool: Queryable) => readHostRuns(pool, 'host-1')],
    ['status', (pool: Queryable) => pool.query('select held from reaper.status')],
  ])('reads the holds once for its %s, and not once for each run', async (_, read) => {
    await db.admin.query(
      `insert into jobs (id, agent, status, attempts, host, started_at)
         select n::text, 'a', 'running', 1, 'host-1', reaper.now() from generate_series(1, 400) n`,
    );
    await db.admin.query(
      `insert into reaper.hold (kind, value, reason, by, until)
         select k, n::text, 'r', 'op', reaper.now() + interval '1 hour'
           from generate_series(1, 40) n, unnest(array['job', 'agent', 'repo', 'host']) k`,
    );
    let scans = 0;
    const explaining = {
      async query(text: string, values?: unknown[]) {
        const { rows } = await db.admin.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
          `explain (analyze, format json) ${text}`,
          values,
        );
        for (const row of rows) scans += scansOf('hold', row['QUERY PLAN'][0].Plan);
        return { rows: [] };
      },
    } as unknown as Queryable;
    await read(explaining).catch(() => undefined);
    // One for each kind; the status also asks whether there are any.
    expect(scans).toBeGreaterThanOrEqual(4);
    expect(scans).toBeLessThanOrEqual(5);
  });

  it('leaves out runs within the grace of their exit codes once there are too many to watch all', async () => {
    await insertRunningJob(db.admin, { id: 'finalizing', exitCode: 1, exitedS: 200 });
    await insertRunningJob(db.admin, { id: 'over', exitCode: 1, exitedS: 300 });
    await insertRunningJob(db.admin, { id: 'timeless', startedS: 50, exitCode: 1, exitedS: null });
    await insertRunningJob(db.admin, { id: 'old', startedS: 7_300, exitCode: 1, exitedS: null });
    await insertRunningJob(db.admin, { id: 'old-finalizing', startedS: 7_300, exitCode: 1, exitedS: 5 });
    const page = await readSymptoms(db.reaper, DEFAULT_POLICY, null, 9, true);
    expect(page.items.map(({ jobId, symptom }) => [jobId, symptom])).toEqual([
      ['old', 'age'],
      ['over', 'exit code'],
    ]);
    expect((await symptoms()).map((line) => line.split(':')[0]).sort()).toEqual([
      'finalizing',
      'old',
      'old-finalizing',
      'over',
      'timeless',
    ]);
  });

  it('counts the runs with a symptom on hosts where several show one', async () => {
    for (const [id, host, exitCode] of [
      ['a', 'host-1', 1],
      ['b', 'host-1', 1],
      ['healthy', 'host-1', null],
      ['c', 'host-2', 1],
      ['d', null, 1],
      ['e', '', 1],
      ['f', 'host-3', 1],
      ['g', 'host-3', 1],
      ['h', 'host-3', 1],
    ] as const) {
      await insertRunningJob(db.admin, { id, host, exitCode, exitedS: 300 });
    }
    const counted = await countSymptoms(db.reaper, DEFAULT_POLICY, 10, true);
    expect(counted.sort()).toEqual([
      ['', 2],
      ['host-1', 2],
      ['host-3', 3],
    ]);
    const hold = {
      action: 'hold',
      kind: 'host',
      value: 'host-1',
      reason: 'r',
      seconds: 60,
      by: 'op',
    } as const;
    await operate(db.reaper, hold);
    expect((await countSymptoms(db.reaper, DEFAULT_POLICY, 10, true)).sort()).toEqual([
      ['', 2],
      ['host-3', 3],
    ]);
    // Those that are left out now have their turn another time.
    const seen = new Set<string | undefined>();
    while (seen.size < 2) seen.add((await countSymptoms(db.reaper, DEFAULT_POLICY, 1, true))[0]?.[0]);
  });

  it('pages by keyset: every symptom once, none behind a full page is starved', async () => {
    for (let n = 0; n < 23; n += 1) {
      // The same start for several, so that the cursor has to tell them apart by id.
      await insertRunningJob(db.admin, {
        id: `job-${String(n).padStart(2, '0')}`,
        exitCode: 1,
        startedS: n < 9 ? null : 99,
      });
      await db.admin.query(
        `update jobs set started_at = '2024-01-01T00:00:00Z' where started_at is not null`,
      );
    }
    const seen: string[] = [];
    let after: Cursor | null = null;
    let pages = 0;
    do {
      const page = await readSymptoms(db.reaper, DEFAULT_POLICY, after, 5);
      seen.push(...page.items.map(({ jobId }) => jobId));
      after = page.next;
      pages += 1;
    } while (after !== null);
    // Those without a start are named by their run, and come first.
    expect(seen).toEqual(Array.from({ length: 23 }, (_, n) => `job-${String(n).padStart(2, '0')}`));
    expect(pages).toBe(5);
  });

  it('lists what cannot be watched, and never watches it', async () => {
    await insertRunningJob(db.admin, { id: 'no-key', startedS: null, runId: null });
    await insertRunningJob(db.admin, { id: 'x'.repeat(201), exitCode: 1 });
    await insertRunningJob(db.admin, { id: 'far', host: 'h'.repeat(201), exitCode: 1 });
    await insertRunningJob(db.admin, { id: 'nowhere', host: null });
    const fleet = await readFleet(db.reaper);
    expect(fleet).toMatchObject({ running: 4, hosts: ['host-1'], unwatchable: { count: 3 } });
    expect(fleet.unwatchable.sample).toEqual([
      { jobId: 'far', why: 'its host has over 200 characters' },
      { jobId: 'no-key', why: 'its run key is null' },
      { jobId: 'x'.repeat(60), why: 'its job id has over 200 characters' },
    ]);
    expect(await symptoms()).toEqual([]);
    expect((await readRuns(db.reaper, 9)).map(({ jobId }) => jobId)).toEqual(['nowhere']);
  });

  describe('host-gone', () => {
    const gone = { action: 'host-gone', host: 'host-1', by: 'op' } as const;

    it('makes a symptom of the runs that started there before', async () => {
      const before = await insertRunningJob(db.admin, { id: 'before' });
      await operate(db.reaper, gone);
      const after = await insertRunningJob(db.admin, { id: 'after', startedS: -1 });
      expect(await symptoms()).toEqual(['before: host gone']);
      expect(await observeRun(db.reaper, before)).toMatchObject({ hostGoneBy: 'op' });
      expect(await observeRun(db.reaper, after)).toMatchObject({ hostGoneBy: null });
    });

    it('is refused while a probe there answers', async () => {
      await db.reaper.query(
        `select reaper.record_sweep(reaper.now() - interval '44 s', '{"hostsAnswered": ["host-1"]}')`,
      );
      await expect(operate(db.reaper, gone)).rejects.toMatchObject({ code: 'RP002' });
      await db.reaper.query(
        `select reaper.record_sweep(reaper.now() - interval '46 s', '{"hostsAnswered": ["host-1"]}')`,
      );
      await expect(operate(db.reaper, gone)).resolves.toBe(true);
    });

    it('is no longer a symptom once a probe answers there again', async () => {
      await insertRunningJob(db.admin, { id: 'before' });
      await operate(db.reaper, gone);
      await db.reaper.query(`select reaper.record_sweep(reaper.now(), '{"hostsAnswered": ["host-1"]}')`);
      expect(await symptoms()).toEqual([]);
    });
  });
});

describe.each(['reference', 'minimal'] as const)('with 200,000 finished jobs, the %s adapter', (adapter) => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase(adapter);
    await db.admin.query(
      adapter === 'reference'
        ? `insert into jobs (agent, status, host, attempts, started_at, finished_at)
           select 'a', 'done', 'host-1', 1, reaper.now(), reaper.now() from generate_series(1, 200000)`
        : `insert into jobs (kind, status, run, host, attempts, started_at)
           select 'a', 'done', gen_random_uuid(), 'host-1', 1, reaper.now() from generate_series(1, 200000)`,
    );
    await db.admin.query('vacuum analyze jobs');
  });
  afterAll(() => db.drop());

  it.each([
    ['fleet', () => readFleet(db.reaper)],
    ['runs', () => readRuns(db.reaper, 25)],
    ['symptoms', () => readSymptoms(db.reaper, DEFAULT_POLICY, null, 250)],
    ['host', () => readHostRuns(db.probe, 'host-1')],
  ])('reads no finished rows for its %s', async (_, read) => {
    const blocks = async () => {
      await statisticsArrived(db);
      const { rows } = await db.admin.query<{ n: number }>(
        `select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as n from pg_stat_user_tables where relname = 'jobs'`,
      );
      return rows[0]?.n ?? NaN;
    };
    const before = await blocks();
    await read();
    // A backend reports its counters when it goes idle; ending it makes that certain.
    const ours = `from pg_stat_activity where datname = current_database() and usename like 'test_reaper%'`;
    await db.admin.query(`select pg_terminate_backend(pid) ${ours}`);
    await eventually(
      'the end of their sessions',
      async () => (await db.admin.query(`select ${ours}`)).rowCount === 0,
    );
    const after = await blocks();
    expect(after - before).toBe(0);
  });
});

interface PlanNode {
  'Relation Name'?: string;
  'Actual Loops': number;
  Plans?: PlanNode[];
}

/** How often a plan has scanned a table. */
function scansOf(table: string, node: PlanNode): number {
  const own = node['Relation Name'] === table ? node['Actual Loops'] : 0;
  return (node.Plans ?? []).reduce((sum, child) => sum + scansOf(table, child), own);
}

/**
 * Waits until the counters of ended sessions can be read, which is when those of the last one can. Before version 15 counters go
 * through a separate process, which takes its time.
 */
async function statisticsArrived({ admin, adminUrl }: TestDatabase): Promise<void> {
  await admin.query('create table if not exists last_word ()');
  const scans = async () => {
    const { rows } = await admin.query<{ n: number }>(
      `select coalesce(max(seq_scan), 0) as n from pg_stat_user_tables where relname = 'last_word'`,
    );
    return rows[0]?.n ?? NaN;
  };
  const before = await scans();
  const session = new pg.Client(adminUrl);
  await session.connect();
  await session.query('select from last_word');
  await session.end();
  await eventually('the last session’s counters', async () => (await scans()) > before);
}
