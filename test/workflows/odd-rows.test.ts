import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../src/db/migrate.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
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

const status = async (id: string) => (await readJob(db.admin, id))['status'];

it.each([0, 25])(
  'a row that cannot be read is named, and stops nobody else’s repair (all watched up to %i)',
  async (watchAllLimit) => {
    await db.admin.query('drop view reaper.running_job cascade; alter table jobs alter column pid type text');
    await migrate(db.adminUrl, null);
    const agent = startProcess();
    await insertRunningJob(db.admin, { id: 'dead', ...agent });
    await insertRunningJob(db.admin, { id: 'odd', ...agent });
    await db.admin.query(`update jobs set pid = 'n/a' where id = 'odd'`);
    await agent.kill();
    reaper = await startReaper(db, { policy: { watchAllLimit } });
    await eventually('the repair of the other', async () => (await status('dead')) === 'queued');

    const { unwatchable, unwatchableCount, running, error } = await reaper.sweepNow();
    expect({ unwatchableCount, running, error }).toEqual({ unwatchableCount: 1, running: 1, error: null });
    expect(unwatchable).toEqual([
      { jobId: 'odd', why: 'its pid cannot be read: invalid input syntax for type bigint: "n/a"' },
    ]);
    await db.admin.query(`update jobs set pid = $1 where id = 'odd'`, [String(agent.pid)]);
    await eventually('the repair of the odd one', async () => (await status('odd')) === 'queued');
    expect(await reaper.sweepNow()).toMatchObject({ unwatchable: [], unwatchableCount: 0 });
  },
);

it('sweeps fail while the view reads a table that was swapped away, and say what to do', async () => {
  reaper = await startReaper(db);
  await db.admin.query(`create table jobs_new (like jobs including all);
    alter table jobs rename to jobs_old; alter table jobs_new rename to jobs`);
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'dead', ...agent });
  await agent.kill();
  const { error } = await reaper.sweepNow();
  expect(error).toMatch(
    /^expected reaper.running_job to read public.jobs, got a view of the table that had this name before; run job-reaper migrate$/,
  );
  await migrate(db.adminUrl, null);
  await eventually('the repair', async () => (await status('dead')) === 'queued');
  expect((await reaper.sweepNow()).error).toBeNull();
});
