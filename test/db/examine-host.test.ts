import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createProbeActivities, type HostExamination } from '../../src/activities/probe.js';
import { checkRunningJobs } from '../../src/db/check-running-jobs.js';
import type { Queryable } from '../../src/db/database.js';
import { migrate } from '../../src/db/migrate.js';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { Names } from '../../src/naming.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const BUDGET_MS = 600_000;
/** A pid that no kernel gives. */
const GONE = 2 ** 22 + 1;
const names = new Names('test');

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.admin.query('drop view reaper.running_job cascade; alter table jobs alter column pid type text');
  await migrate(db.adminUrl, null);
});
beforeEach(() => db.clean());
afterAll(() => db.drop());

/** Running jobs of host-1: `job-00000` and so on. Those that are not named are this very process. */
async function insert(count: number, dead: readonly number[] | 'all'): Promise<void> {
  await db.admin.query(
    `insert into jobs (id, agent, status, attempts, host, pid, started_at)
       select 'job-' || lpad(n::text, 5, '0'), 'a', 'running', 1, 'host-1',
              case when $2::int[] is null or n = any ($2) then $3::bigint + n else $4 end::text,
              reaper.now() - make_interval(secs => 9000 - n)
         from generate_series(0, $1 - 1) n`,
    [count, dead === 'all' ? null : dead, GONE, process.pid],
  );
}

const probe = (pool: Queryable = db.probe) =>
  createProbeActivities({ pool, names, host: 'host-1', sharedPidNamespace: true });
const examine = (known: readonly string[] = []) => probe().examineHost('host-1', null, BUDGET_MS, known);
const jobs = ({ symptoms }: HostExamination) => symptoms.map(({ jobId }) => jobId).sort();
const spoil = (...ids: string[]) => db.admin.query(`update jobs set pid = 'n/a' where id = any($1)`, [ids]);
interface HostLine {
  seen: number | null;
  dead: number | null;
  unknown: number | null;
  failing: string | null;
}
const line = async () =>
  (await db.admin.query<HostLine>(`select seen, dead, unknown, failing from reaper.host_boot`)).rows[0];

it('counts all rows of its host in one statement, looks at all their processes, and reads the rows of the dead', async () => {
  await insert(2_510, [0, 1_000, 2_509]);
  const statements: string[] = [];
  const counting: Queryable = {
    query: (text, values) => {
      if (text.includes('examinable_run')) statements.push(text);
      return db.probe.query(text, values);
    },
  };
  const found = await probe(counting).examineHost('host-1', null, BUDGET_MS);
  expect(jobs(found)).toEqual(['job-00000', 'job-01000', 'job-02509']);
  expect(found).toMatchObject({ dead: 3, unknown: 0, isPartial: false, next: null });
  expect(statements).toHaveLength(2);
  for (const statement of statements) expect(statement).not.toContain('order by');
  expect(await line()).toMatchObject({ seen: 2_510, dead: 3, unknown: 0 });
});

it('names 250 of those that its caller does not know, and says which of the known ones are still dead', async () => {
  await insert(600, 'all');
  const first = await examine();
  expect(first.symptoms).toHaveLength(250);
  expect(first.dead).toBe(600);

  const known = ['test/watch/other/1', ...first.symptoms.map(({ watchId }) => watchId)];
  const second = await examine(known);
  expect(second.symptoms).toHaveLength(250);
  expect(jobs(second).filter((job) => jobs(first).includes(job))).toEqual([]);
  expect(second.dead).toBe(600);
  expect(new Set(second.known)).toEqual(new Set(first.symptoms.map((_, n) => [n + 1, 'dead'])));

  const both = [...known, ...second.symptoms.map(({ watchId }) => watchId)];
  expect((await examine(both)).symptoms).toHaveLength(100);
});

it('goes on where it was cut short, so that every process has its turn', async () => {
  await insert(3_500, 'all');
  const probing = probe();
  const seen: number[] = [];
  // No time at all: one batch of processes each.
  for (let n = 0; n < 4; n += 1) {
    const { dead = 0, isPartial } = await probing.examineHost('host-1', null, 0);
    expect(isPartial).toBe(true);
    seen.push(dead);
  }
  expect(seen).toEqual([1_000, 1_000, 1_000, 1_000]);
  // What was not seen is not reported as healthy.
  expect(await line()).toMatchObject({ seen: null, dead: null });
  expect((await probing.examineHost('host-1', null, BUDGET_MS)).dead).toBe(3_500);
});

it('leaves out dead processes whose exit code is recorded: that decides, and their monitors may be finalizing', async () => {
  await insert(3, 'all');
  await db.admin.query(
    `insert into agent_runs (id, exit_code, finished_at)
       values ('own', 1, reaper.now()), ('older', 1, reaper.now() - interval '1 day')`,
  );
  await db.admin.query(`update jobs set run_id = 'own' where id = 'job-00000'`);
  await db.admin.query(`update jobs set run_id = 'older' where id = 'job-00001'`);
  const found = await examine();
  expect(jobs(found)).toEqual(['job-00001', 'job-00002']);
  expect(found.dead).toBe(2);
});

it('leaves out a row that is known to be unreadable', async () => {
  await insert(5, [0, 1]);
  await spoil('job-00001');
  await checkRunningJobs(db.reaper);
  expect(jobs(await examine())).toEqual(['job-00000']);
});

it('fails on an unreadable row that no sweep has noticed yet, and says why until it can read it', async () => {
  await insert(5, [0]);
  await spoil('job-00003');
  await expect(examine()).rejects.toThrow('invalid input syntax');
  await expect
    .poll(line)
    .toMatchObject({ failing: expect.stringMatching(/^examineHost: .*"n\/a"/) as string });
  await db.admin.query(`update jobs set pid = '1' where id = 'job-00003'`);
  expect(jobs(await examine())).toEqual(['job-00000']);
});

it('answers about the first pages of a host watch before it reads the last ones', async () => {
  await insert(10, 'all');
  const begun: string[] = [];
  const recording: Queryable = {
    query: (text, values) => {
      if (text.includes('examinable_run')) begun.push('page');
      if (text.includes('reaper.report_host')) begun.push('report');
      return db.probe.query(text, values);
    },
  };
  const activities = probe(recording);
  const limits = { ...DEFAULT_POLICY, intervalS: 0, placesGone: false };
  const looks = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      activities.lookAtHost(
        'host-1',
        { page: { after: n === 0 ? null : `job-0000${n - 1}`, to: `job-0000${n}` }, named: null },
        limits,
      ),
    ),
  );
  expect(looks.map(({ rows }) => rows)).toEqual(Array.from({ length: 10 }, () => 1));
  expect(begun.indexOf('report')).toBeLessThanOrEqual(2);
});

it('does not look at a page for which nobody waits any more', async () => {
  await insert(3, 'all');
  const silence = new EventEmitter();
  let pages = 0;
  const slow: Queryable = {
    query: async (text, values) => {
      if (text.includes('examinable_run')) {
        pages += 1;
        await once(silence, 'over');
      }
      return db.probe.query(text, values);
    },
  };
  const activities = probe(slow);
  const page = { after: null, to: 'job-00002' };
  const limits = { ...DEFAULT_POLICY, intervalS: 0, placesGone: false };
  const looks = Array.from({ length: 3 }, () =>
    activities.lookAtHost('host-1', { page, named: null }, limits),
  );
  const late = expect(looks[2]).rejects.toThrow('Expected a turn to look at a page within 10 s');
  const now = performance.now();
  const clock = vi.spyOn(performance, 'now').mockReturnValue(now + 10_001);
  try {
    silence.emit('over');
    await late;
  } finally {
    clock.mockRestore();
  }
  expect((await Promise.all(looks.slice(0, 2))).map(({ rows }) => rows)).toEqual([3, 3]);
  expect(pages).toBe(2);
});
