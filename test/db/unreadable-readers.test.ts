import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { checkRunningJobs } from '../../src/db/check-running-jobs.js';
import { countRunsOfBoot, countRunsOnHost } from '../../src/db/count-runs.js';
import { readFleet, readRuns } from '../../src/db/fleet.js';
import { readFleetNumbers } from '../../src/db/fleet-numbers.js';
import { readHostRuns } from '../../src/db/host-runs.js';
import { observeRun } from '../../src/db/observe-run.js';
import { readStatus } from '../../src/db/status.js';
import { readSymptoms } from '../../src/db/symptoms.js';
import type { Cursor, Page } from '../../src/domain/page.js';
import { DEFAULT_POLICY, type RunRef } from '../../src/domain/types.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';

const BOOT = 'aaaaaaaa-0000-4000-8000-000000000000';
const POLICY = { ...DEFAULT_POLICY, maxRunningS: 100 };

let db: TestDatabase;
let columns: { name: string; type: string }[];
let view: string;
let last: RunRef;

beforeAll(async () => {
  db = await createTestDatabase();
  columns = (
    await db.admin.query<{ name: string; type: string }>(
      `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = 'reaper.running_job'::regclass and attnum > 0 order by attnum`,
    )
  ).rows;
  const { rows } = await db.admin.query<{ sql: string }>(
    `select pg_get_viewdef('reaper.running_job'::regclass) as sql`,
  );
  view = (rows[0]?.sql ?? '').replace(/;\s*$/, '');
  // The unreadable one is neither the first nor the last.
  for (const id of ['a', 'b', 'odd', 'c', 'd']) {
    const run = { id, startedS: 200, processIdentity: `linux::${BOOT}:1:1`, stage: 'development' };
    last = await insertRunningJob(db.admin, { ...run, exitCode: id === 'd' ? 1 : null });
  }
  await db.admin.query(
    `insert into reaper.hold (kind, value, until, by, reason) values ('agent', 'nobody', 'infinity', 'ada', '')`,
  );
});
afterAll(() => db.drop());
afterEach(async () => {
  await db.admin.query(`create or replace view reaper.running_job as ${view}`);
  for (const table of ['unreadable_run', 'claim_trouble', 'observation'])
    await db.admin.query(`delete from reaper.${table}`);
});

/** Makes a column fail for one job, like a cast of an unsuitable value. */
async function spoil(column: string): Promise<void> {
  const expressions = columns.map(({ name, type }) => {
    if (name !== column) return `v.${name}`;
    const odd = type === 'text' ? `(1 / (length(v.job_id) - 3))::text` : `v.job_id::${type}`;
    return `case when v.job_id = 'odd' then ${odd} else v.${name} end as ${name}`;
  });
  await db.admin.query(
    `create or replace view reaper.running_job as select ${expressions.join(', ')} from (${view}) v`,
  );
}

async function allPages<T extends { jobId: string }>(
  read: (after: Cursor | null) => Promise<Page<T>>,
): Promise<string[]> {
  const ids: string[] = [];
  let after: Cursor | null = null;
  do {
    const page: Page<T> = await read(after);
    ids.push(...page.items.map(({ jobId }) => jobId));
    after = page.next;
  } while (after !== null);
  return ids;
}

it.each([
  'run_key',
  'agent',
  'repo',
  'host',
  'pid',
  'process_identity',
  'max_running_s',
  'started_at',
  'exit_code',
  'finished_at',
  'branch',
])('a row whose %s cannot be read fails nobody who reads the others, whichever page', async (column) => {
  await db.admin.query(
    `insert into reaper.observation (job_id, run_key, pid, outcome, tier, reason, evidence)
       select job_id, run_key, 1, 'queued', 1, '', '{}' from reaper.running_job`,
  );
  await db.admin.query(
    `insert into reaper.claim_trouble (job_id, run_key, kind, why, failures, since, retry_at, facts_known, pid,
                                         process_identity, exit_code)
       select job_id, run_key, 'failed', '', 1, now(), now() - interval '1 s', true, pid, process_identity, exit_code from reaper.running_job`,
  );
  await spoil(column);
  expect((await checkRunningJobs(db.reaper)).map(({ jobId }) => jobId)).toEqual(['odd']);

  const others = ['a', 'b', 'c', 'd'];
  expect((await readHostRuns(db.probe, 'host-1')).map(({ jobId }) => jobId).sort()).toEqual(others);
  expect((await allPages((after) => readSymptoms(db.reaper, POLICY, after, 2))).sort()).toEqual(others);
  expect((await readRuns(db.reaper, 10)).map(({ jobId }) => jobId).sort()).toEqual(others);
  expect(await readFleet(db.reaper)).toMatchObject({ running: 4, hosts: ['host-1'] });
  expect(await countRunsOnHost(db.reaper, 'host-1')).toBe(4);
  expect(await countRunsOfBoot(db.reaper, BOOT)).toBe(4);
  expect((await readStatus(db.reaper)).claim_trouble.count).toBe(4);
  expect((await readFleetNumbers(db.reaper)).claimTrouble).toEqual({ failed: 4, locked: 0 });
  const { rows: recorded } = await db.reaper.query<{ error: string | null }>(
    `select error from reaper.note_sweep(reaper.now(), '{"hostsWithoutProbe": ["host-1", "host-7"]}')`,
  );
  expect(recorded).toEqual([{ error: null }]);
  const { rows: over } = await db.reaper.query('select from reaper.observation where became is not null');
  expect(over).toEqual([]);
  expect((await observeRun(db.reaper, last)).run?.jobId).toBe('d');
});
