import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertManyRuns } from '../support/many-runs.js';
import { endProcesses, startProcess } from '../support/process.js';
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
  await endProcesses();
  await db.drop();
});

it('a job that kills its process fails at the death over its budget, though its queue counts no attempts', async () => {
  reaper = await startReaper(db, { policy: { maxCrashes: 2 } });
  const outcomes = [];
  for (let n = 0; n < 3; n += 1) {
    await db.admin.query(`delete from jobs where id = 'pill'`);
    const agent = startProcess();
    const run = await insertRunningJob(db.admin, { id: 'pill', attempts: 0, ...agent });
    await agent.kill();
    const { watch } = reaper;
    await eventually('its watch', () => watch(run).describe());
    const { outcome, reason } = await watch(run).result();
    outcomes.push(`${outcome}: ${reason.replace(String(agent.pid), 'P')}`);
  }
  expect(outcomes).toEqual([
    'queued: dead pid=P',
    'queued: dead pid=P',
    'failed: crash budget deaths=3>2: dead pid=P',
  ]);
  expect(await readJob(db.admin, 'pill')).toMatchObject({ status: 'failed' });
  const { rows } = await db.admin.query('select kind, owed from reaper.notification');
  expect(rows).toEqual([{ kind: 'failed', owed: false }]);
});

it('a host watch fails the jobs that were alone in their processes, and requeues those of a shared one', async () => {
  reaper = await startReaper(db, {
    policy: { maxCrashes: 1, intervalS: 1, watchAllLimit: 0, batchAbove: 5 },
  });
  for (const round of [1, 2]) {
    await db.admin.query('delete from jobs; delete from agent_runs');
    const [shared, ...own] = Array.from({ length: 9 }, startProcess);
    if (shared === undefined) throw new Error('Expected a process, got none');
    await insertManyRuns(db.admin, { prefix: 'own', count: 8, processes: own });
    await insertManyRuns(db.admin, { prefix: 'shared', count: 10, processes: [shared] });
    await Promise.all([shared, ...own].map((process) => process.kill()));
    await eventually('the repair of all', async () => {
      const { rowCount } = await db.admin.query('select from reaper.ledger');
      return rowCount === 18 * round;
    });
  }
  const { rows } = await db.admin.query(
    `select split_part(job_id, '-', 1) as prefix, outcome, count(*) as n, count(*) filter (where workflow_id like '%/host/%') > 0 as by_host_watch
       from reaper.ledger where id > 18 group by 1, 2 order by 1, 2`,
  );
  expect(rows).toEqual([
    { prefix: 'own', outcome: 'failed', n: 8, by_host_watch: true },
    { prefix: 'shared', outcome: 'queued', n: 10, by_host_watch: true },
  ]);
  const alerts = await db.admin.query(
    'select kind, count(*) as n from reaper.notification where ledger_id is not null group by kind order by kind',
  );
  expect(alerts.rows).toEqual([
    { kind: 'crash budget', n: 10 },
    { kind: 'failed', n: 8 },
  ]);
});
