import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatabaseClock } from '../../src/db/database-clock.js';
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

const jobStatus = async (id: string) => (await readJob(db.admin, id))['status'];
const MINUTES = 10 * 60;
const forAWhile = async ({ sweepNow }: TestReaper) => {
  for (let n = 0; n < 5; n += 1) expect(await sweepNow()).toMatchObject({ error: null });
};

describe.each([
  ['forward', MINUTES],
  ['back', -MINUTES],
])('the database clock put %s by minutes', (_, stepS) => {
  it('reaps no run that is proven alive, however old it looks, and still finds a dead one', async () => {
    const dead = startProcess();
    await insertRunningJob(db.admin, { id: 'live', ...startProcess() });
    await insertRunningJob(db.admin, { id: 'dead', ...dead });
    const harness = await start({ policy: { maxRunningS: 500, intervalS: 1 } });
    await setClock(stepS);
    await forAWhile(harness);
    await dead.kill();
    await eventually('the dead run requeued', async () => (await jobStatus('dead')) === 'queued');
    expect(await jobStatus('live')).toBe('running');
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

describe('a worker that compares two readings', () => {
  const at = (databaseMs: number, askedMs: number, gotMs = askedMs) => ({ databaseMs, askedMs, gotMs });

  it('notices a step of over a second either way, once', () => {
    for (const stepMs of [-MINUTES * 1000, -1_001, 1_001, MINUTES * 1000]) {
      const clock = new DatabaseClock();
      expect(clock.hasStepped(at(0, 0))).toBe(false);
      expect(clock.hasStepped(at(5_000, 5_000))).toBe(false);
      expect(clock.hasStepped(at(6_000 + stepMs, 6_000))).toBe(true);
      expect(clock.hasStepped(at(7_000 + stepMs, 7_000))).toBe(false);
    }
  });

  it('takes a database that is slow to answer for no step: the reading may be from any moment of the wait', () => {
    const clock = new DatabaseClock();
    clock.hasStepped(at(0, 0));
    expect(clock.hasStepped(at(3_000_000, 500, 3_600_000))).toBe(false);
    // It was not sharp enough to go by.
    expect(clock.hasStepped(at(3_600_000, 3_600_000))).toBe(false);
  });

  it('takes readings that come back in another order for no step', () => {
    const clock = new DatabaseClock();
    clock.hasStepped(at(900, 900, 910));
    expect(clock.hasStepped(at(100, 90, 950))).toBe(false);
  });
});

it('a look across a step does not count: the streak starts over', async () => {
  const dead = startProcess();
  const run = await insertRunningJob(db.admin, { id: 'dead', ...dead });
  await dead.kill();
  // The second look comes after an interval that no test waits for.
  const harness = await start({ policy: { intervalS: 600 } });
  const query = () => harness.watch(run).query<WatchState>('watch');
  await eventually('a first look', async () => (await query()).streak === 1);
  await setClock(MINUTES);
  await harness.watch(run).signal('poke', { why: 'look', park: true });
  await eventually('one that does not count', async () =>
    (await query()).story.some((line) => line.includes("the database's clock has stepped")),
  );
  expect((await query()).streak).toBe(0);
  expect(await jobStatus('dead')).toBe('running');
});

it('workers of the version before may still put steps on record: nothing comes of it', async () => {
  await db.reaper.query(`select reaper.note_clock_step(0, reaper.now(), reaper.now() + interval '1 h', 0)`);
  const { rows } = await db.reaper.query(
    `select (select count(*) from reaper.clock_step) as steps,
            reaper.age_s(timestamptz '2026-01-01', timestamptz '2026-01-02') as age,
            reaper.age_s('infinity', reaper.now()) as none`,
  );
  expect(rows).toEqual([{ steps: 0, age: 86_400, none: null }]);
});

it('no SQL of ours reads another clock than reaper.now()', async () => {
  const OTHER =
    /\b(now\s*\(\s*\)|(clock|statement|transaction)_timestamp|timeofday|(current|local)_?timestamp|current_(date|time)|localtime)\b/i;
  const LITERAL = /'(now|today|tomorrow|yesterday)'/i;
  // Filled in within the queue's own statements, which call no function of ours.
  const NOTED = /noted_at timestamptz not null default pg_catalog\.clock_timestamp\(\)/;
  // A key of an object, not a time.
  const KEY = "'now', v.evidence_now";
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
    rows
      .filter(({ name, body }) => name !== 'reaper.run_process' || body !== 'clock_timestamp()')
      .filter(({ body }) => OTHER.test(withoutOurs(body)) || LITERAL.test(body.replace(KEY, '')))
      .map(({ name }) => name),
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
        .replace(NOTED, '')
        .replace(/\bas \$\$ select pg_catalog\.clock_timestamp\(\) \$\$;/, '');
      expect(OTHER.exec(source)?.[0], `${folder}/${file}`).toBeUndefined();
    }
  }
});
