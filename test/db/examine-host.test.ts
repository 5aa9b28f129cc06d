import { afterEach, beforeEach, expect, it } from 'vitest';
import { createProbeActivities } from '../../src/activities/probe.js';
import { checkRunningJobs } from '../../src/db/check-running-jobs.js';
import type { Queryable } from '../../src/db/database.js';
import { migrate } from '../../src/db/migrate.js';
import type { Cursor } from '../../src/domain/page.js';
import { Names } from '../../src/naming.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** As many as one page holds. */
const PAGE = 1_000;
const BUDGET_MS = 600_000;

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
  await db.admin.query('drop view reaper.running_job cascade; alter table jobs alter column pid type text');
  await migrate(db.adminUrl, null);
  // In each page the first is dead, and all others are this very process.
  await db.admin.query(
    `insert into jobs (id, agent, status, attempts, host, pid, started_at)
       select 'job-' || lpad(n::text, 5, '0'), 'a', 'running', 1, 'host-1', case n % $1 when 0 then $2 else $3 end::text,
              reaper.now() - make_interval(secs => 9000 - n)
         from generate_series(0, 2 * $1 + 9) n`,
    [PAGE, 2 ** 22 + 1, process.pid],
  );
});
afterEach(() => db.drop());

const examine = (after: Cursor | null, pool: Queryable = db.probe) =>
  createProbeActivities({
    pool,
    names: new Names('test'),
    host: 'host-1',
    sharedPidNamespace: true,
  }).examineHost('host-1', after, BUDGET_MS);
const spoil = (...ids: string[]) => db.admin.query(`update jobs set pid = 'n/a' where id = any($1)`, [ids]);
const failing = async () =>
  (await db.admin.query<{ failing: string | null }>('select failing from reaper.host_boot')).rows[0]?.failing;

/** The probe's pool, where a row becomes unreadable once a first page has been read: no sweep had time to notice it. */
function spoiledAfterOnePage(id: string): Queryable {
  let pages = 0;
  const query = async (text: string, values?: unknown[]) => {
    const result = await db.probe.query(text, values);
    if (text.includes('examinable_run')) pages += 1;
    if (pages === 1) await spoil(id);
    return result;
  };
  return { query } as Queryable;
}

it('returns what it found before a page that fails, records the failure, and continues at that page', async () => {
  const { symptoms, next } = await examine(null, spoiledAfterOnePage('job-01500'));
  expect(symptoms.map(({ jobId, symptom }) => [jobId, symptom])).toEqual([['job-00000', 'dead']]);
  expect(next?.jobId).toBe('job-00999');
  expect(await failing()).toMatch(/^examineHost: .*invalid input syntax for type bigint: "n\/a"/);

  await expect(examine(next)).rejects.toThrow('invalid input syntax');
  await db.admin.query(`update jobs set pid = '1' where id = 'job-01500'`);
  const rest = await examine(next);
  expect([rest.symptoms.map(({ jobId }) => jobId), rest.next]).toEqual([['job-01000', 'job-02000'], null]);
  expect(await failing()).toBeNull();
});

it('reads every page without a row that is known to be unreadable', async () => {
  await db.admin.query(
    `update jobs set pid = 'n/a', started_at = started_at + interval '1 s' where id = 'job-01500'`,
  );
  await checkRunningJobs(db.reaper);
  const { symptoms, next } = await examine(null);
  expect([symptoms.map(({ jobId }) => jobId), next]).toEqual([['job-00000', 'job-01000', 'job-02000'], null]);
});

it('fails if its first page does', async () => {
  await spoil('job-00500');
  await expect(examine(null)).rejects.toThrow('invalid input syntax');
});
