import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { countClaimed } from '../support/many-runs.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { eventually } from '../support/wait.js';

const HOSTS = 500;
const RUNS = 10_000;
const MOST = 9_500;

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

it('repairs the runs of a rack that was declared gone, each exactly once, by host watches', async () => {
  // A page of symptoms, in the order of starts and ids, has few runs of one host.
  await db.admin.query(
    `insert into jobs (id, agent, repo, status, attempts, max_attempts, host, pid, started_at)
     select 'job-' || lpad(n::text, 5, '0'), 'developer', 'web', 'running', 1, 2, 'rack-' || n % $1::int, 1000 + n,
            reaper.now() - interval '100 seconds'
       from generate_series(1, $2::int) n`,
    [HOSTS, RUNS],
  );
  await db.admin.query(
    `insert into reaper.gone_host (host, declared_at, by)
     select 'rack-' || n, reaper.now(), 'op' from generate_series(0, $1::int - 1) n`,
    [HOSTS],
  );
  await db.admin.query('vacuum analyze');
  reaper = await startReaper(db, { policy: { intervalS: 1, watchAllLimit: 0, batchAbove: 25 } });
  await eventually('the repair of all', async () => (await countClaimed(db.admin)).runs === RUNS, 500_000);
  expect(await countClaimed(db.admin)).toEqual({ claims: RUNS, runs: RUNS });
  // Exactly once is the promise. A host watch gives way to single watches when it is stuck, or could not claim within its further looks:
  // on a server that is slow for minutes a few may be. If many were, host watches would not be what repairs a rack.
  const { rows } = await db.admin.query<{ runs: number }>(
    `select count(*) as runs from reaper.ledger where split_part(workflow_id, '/', 2) = 'host'`,
  );
  expect(rows[0]?.runs).toBeGreaterThanOrEqual(MOST);
}, 600_000);
