import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import type { WatchState } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction, waitsForLock } from '../support/locks.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
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

/** Sets the database's clock off by so many seconds, for everybody at once. */
async function setClock(offS: number): Promise<void> {
  await db.admin.query(
    `create or replace function reaper.now() returns timestamptz language sql volatile
       as $$ select pg_catalog.clock_timestamp() + make_interval(secs => ${offS}) $$`,
  );
}

async function start(options?: TestReaperOptions): Promise<TestReaper> {
  reaper = await startReaper(db, options);
  await reaper.sweepNow();
  return reaper;
}

async function steps(): Promise<number[]> {
  const { rows } = await db.admin.query<{ step: number }>(
    'select round(step_s) as step from reaper.clock_step order by id',
  );
  return rows.map(({ step }) => Number(step));
}

const jobStatus = async (id: string) => (await readJob(db.admin, id))['status'];
const MINUTES = 10 * 60;
const forAWhile = async ({ sweepNow }: TestReaper) => {
  for (let n = 0; n < 5; n += 1) expect(await sweepNow()).toMatchObject({ error: null });
};

describe.each([
  ['forward', MINUTES],
  ['back', -MINUTES],
])('the database clock put %s by minutes', (_, stepS) => {
  it('reaps no live run, and still finds a dead one', async () => {
    const dead = startProcess();
    await insertRunningJob(db.admin, { id: 'live', ...startProcess() });
    await insertRunningJob(db.admin, { id: 'far', host: 'elsewhere', startedS: 200 });
    await insertRunningJob(db.admin, { id: 'dead', ...dead });
    const harness = await start({ policy: { maxRunningS: 500, intervalS: 1 } });
    await setClock(stepS);
    await forAWhile(harness);
    await dead.kill();
    await eventually('the dead run requeued', async () => (await jobStatus('dead')) === 'queued');
    expect(await jobStatus('live')).toBe('running');
    expect(await jobStatus('far')).toBe('running');
    expect(await steps()).toEqual([stepS]);
  });

  it('cuts no grace short: of a code seen before, and of one that was recorded but not seen', async () => {
    const seen = await insertRunningJob(db.admin, { id: 'seen', exitCode: 1, exitedS: 5 });
    const harness = await start({ policy: { finalizeGraceS: 120 } });
    await eventually(
      'a watch that waits',
      async () => (await harness.watch(seen).query<WatchState>('watch')).phase === 'waiting',
    );
    await insertRunningJob(db.admin, { id: 'unseen', exitCode: 1, exitedS: 5 });
    await setClock(stepS);
    await forAWhile(harness);
    // An operator's wish looks at once.
    for (const job_id of ['seen', 'unseen']) {
      expect(await harness.handle.executeUpdate('reapNow', { args: [{ job_id }] })).toMatchObject({
        reaped: false,
      });
      expect(await jobStatus(job_id)).toBe('running');
    }
  });

  it('and later set right again, ages are what they were', async () => {
    await insertRunningJob(db.admin, { id: 'old', exitCode: 1, exitedS: 3_600 });
    await db.admin.query(`select reaper.pause('a look first', 'op')`);
    const harness = await start();
    await setClock(stepS);
    await forAWhile(harness);
    await setClock(0);
    await forAWhile(harness);
    expect(await steps()).toEqual([stepS, -stepS]);
    const { rows } = await db.admin.query<{ age: number }>(
      `select reaper.age_s(finished_at, reaper.now()) as age from agent_runs where exit_code is not null`,
    );
    expect(Math.abs((rows[0]?.age ?? 0) - 3_600)).toBeLessThan(stepS > 0 ? 60 : MINUTES + 60);
  });

  it('ends no hold early, and no wait for whoever sends a notification', async () => {
    await insertRunningJob(db.admin, { id: 'held', exitCode: 1, exitedS: 3_600 });
    await db.admin.query(`select reaper.put_hold('job', 'held', 'a look first', 'op', 300)`);
    await db.admin.query(
      `insert into reaper.notification (key, kind, reason, text, due_at)
       values ('k', 'host without probe', 'r', 't', reaper.now() + interval '120 s')`,
    );
    const harness = await start();
    await setClock(stepS);
    await forAWhile(harness);
    expect(await jobStatus('held')).toBe('running');
    const { rows } = await db.admin.query<{ held: number; due: number; owed: boolean }>(
      `select extract(epoch from (select until from reaper.hold) - reaper.now())::float8 as held,
              extract(epoch from due_at - reaper.now())::float8 as due, owed from reaper.notification`,
    );
    expect(rows[0]?.owed).toBe(true);
    for (const [left, ofS] of [
      [rows[0]?.held ?? 0, 300],
      [rows[0]?.due ?? 0, 120],
    ] as const) {
      expect(left).toBeGreaterThan(ofS - 110);
      // Put back, the clock says of no moment of the last minutes on which side it lies: that only makes them longer.
      expect(left).toBeLessThanOrEqual(ofS + 5 + Math.max(0, -stepS));
    }
  });

  it('while a claim waits for the row: it is made as if nothing had been', async () => {
    const run = await insertRunningJob(db.admin, { id: 'j1', exitCode: 1, exitedS: 60 });
    const monitor = await OpenTransaction.begin(db.admin);
    await monitor.run(`select from jobs where id = 'j1' for update`);
    reaper = await startReaper(db);
    await waitsForLock(db.admin, 'reaper.claim');
    await setClock(stepS);
    await monitor.commit();
    expect(await reaper.watch(run).result()).toMatchObject({ outcome: 'queued', reason: 'exit=1' });
    expect((await db.admin.query('select from reaper.ledger')).rowCount).toBe(1);
  });
});

it('put back after a host was declared gone: a run that starts there later is none of those', async () => {
  await insertRunningJob(db.admin, { id: 'before', host: 'gone', startedS: 60 });
  const harness = await start({ policy: { intervalS: 1 } });
  await db.admin.query(`select reaper.declare_host_gone('gone', 'op')`);
  await eventually('the run before it requeued', async () => (await jobStatus('before')) === 'queued');
  await setClock(-MINUTES);
  await forAWhile(harness);
  await insertRunningJob(db.admin, { id: 'after', host: 'gone', startedS: 0 });
  await forAWhile(harness);
  expect(await jobStatus('after')).toBe('running');
});

it('notes a step once, however many workers see it', async () => {
  const { DatabaseClock } = await import('../../src/db/database-clock.js');
  const clocks = Array.from(
    { length: 4 },
    () => new DatabaseClock({ pool: db.reaper, onStep: () => undefined }),
  );
  await Promise.all(clocks.map((clock) => clock.check()));
  await setClock(MINUTES);
  await Promise.all([...clocks, ...clocks].map((clock) => clock.check()));
  await setClock(-MINUTES);
  await Promise.all([...clocks, ...clocks].map((clock) => clock.check()));
  expect(await steps()).toEqual([MINUTES, -2 * MINUTES]);
});

it('takes a database that is slow to answer for no step', async () => {
  const { DatabaseClock } = await import('../../src/db/database-clock.js');
  let nowMs = 0;
  const clock = new DatabaseClock({ pool: db.reaper, onStep: () => undefined, monotonicMs: () => nowMs });
  await clock.check();
  // An hour between asking and getting: the reading may be from any moment of it.
  let calls = 0;
  const slow = new DatabaseClock({
    pool: db.reaper,
    onStep: () => undefined,
    monotonicMs: () => (calls++ % 2 === 0 ? 0 : 3_600_000),
  });
  await slow.check();
  await setClock(3_000);
  await slow.check();
  nowMs = 500;
  expect(await steps()).toEqual([]);
});

it('no SQL of ours reads another clock than reaper.now()', async () => {
  const OTHER =
    /\b(now\s*\(\s*\)|(clock|statement|transaction)_timestamp|timeofday|(current|local)_?timestamp|current_(date|time)|localtime)\b/i;
  const LITERAL = /'(now|today|tomorrow|yesterday)'/i;
  const withoutOurs = (sql: string) =>
    sql.replaceAll(/\breaper\.now\s*\(\s*\)/g, '').replaceAll(/--.*$/gm, '');
  const { rows } = await db.admin.query<{ name: string; body: string }>(
    `select p.oid::regprocedure::text as name, p.prosrc as body from pg_proc p
      where p.pronamespace = 'reaper'::regnamespace and p.proname <> 'now'
     union all select c.oid::regclass::text, pg_get_viewdef(c.oid) from pg_class c
      where c.relnamespace = 'reaper'::regnamespace and c.relkind = 'v'
     union all select d.adrelid::regclass::text, pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
       join pg_class c on c.oid = d.adrelid where c.relnamespace = 'reaper'::regnamespace`,
  );
  expect(rows.length).toBeGreaterThan(40);
  expect(
    rows.filter(({ body }) => OTHER.test(withoutOurs(body)) || LITERAL.test(body)).map(({ name }) => name),
  ).toEqual([]);
  for (const folder of [
    'src/db',
    'sql',
    'sql/adapters',
    'sql/migrations',
    'src/activities',
    'src/cli',
    'src/worker',
  ]) {
    const files = (await readdir(join(packageRoot, folder))).filter((name) => /\.(ts|sql)$/.test(name));
    for (const file of files) {
      // Outside of SQL, only Date.now() and reaper.now() are written like this.
      const source = withoutOurs(await readFile(join(packageRoot, folder, file), 'utf8'))
        .replaceAll(/\b(Date|performance)\.now\(\)/g, '')
        .replace(/create function reaper\.now\(\)[^;]*;/, '')
        .replace(/\bas \$\$ select pg_catalog\.clock_timestamp\(\) \$\$;/, '');
      expect(OTHER.exec(source)?.[0], `${folder}/${file}`).toBeUndefined();
    }
  }
});
