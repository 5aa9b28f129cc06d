import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { migrate } from '../../src/db/migrate.js';
import { startPostgres } from '../../servers/index.js';
import { cli, type CliResult, type Env } from '../cli/support.js';
import { embeddedEnv, silent, stoppedAfterwards } from '../servers/support.js';
import { claimRun } from '../support/claims.js';
import { createAdminPool, createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { blocksOf, commandsOf, readPage, wordsOf, type Block } from './support.js';
import { memoryFolder } from '../support/memory-folder.js';

// The procedures of docs/operating.md as they stand.

const page = await readPage('docs/operating.md');
let db: TestDatabase;
let env: Env;

beforeEach(async () => {
  db = await createTestDatabase();
  env = {
    DATABASE_ADMIN_URL: db.adminUrl,
    DATABASE_URL: db.reaperUrl,
    REAPER_NAME: `operating-${randomBytes(5).toString('hex')}`,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
  };
});
afterEach(() => db.drop());

/** The blocks of a section, in their order. */
function section(heading: string, language?: string): Block[] {
  const text = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0];
  if (text === undefined) throw new Error(`Expected a section "${heading}", got none`);
  return blocksOf(text).filter((block) => language === undefined || block.language === language);
}

/** Runs the job-reaper commands of blocks. */
async function run(blocks: readonly Block[], given: Env = env): Promise<CliResult[]> {
  const results: CliResult[] = [];
  for (const command of blocks.flatMap(commandsOf)) {
    const [program, ...words] = wordsOf(command);
    if (program === 'job-reaper') results.push(await cli(words, given));
  }
  expect(results.length).toBeGreaterThan(0);
  return results;
}

const sqlOf = (heading: string) => section(heading, 'sql').map(({ text }) => text);

async function findings(given: Env = env): Promise<{ check: string; level: string; got: string }[]> {
  const { stdout } = await cli(['doctor', '--json'], given);
  const all = JSON.parse(stdout) as { findings: { check: string; level: string; got: string }[] };
  return all.findings.filter(
    ({ check, level }) => level === 'fail' && ['session', 'view', 'schema'].includes(check),
  );
}

it('restores a dump on another server', async () => {
  const server = await stoppedAfterwards(
    startPostgres({ log: silent, env: embeddedEnv(), dir: await memoryFolder() }),
  );
  await migrate(server.adminUrl, 'reference');
  const admin = createAdminPool(server.adminUrl);
  try {
    const ref = await insertRunningJob(admin, { id: 'j1', pid: 4242 });
    await insertRunningJob(admin, { id: 'j2', pid: 4242 });
    await claimRun(admin, ref);
    // What a restored dump lacks: the roles, and all that was granted to them.
    await admin.query('drop owned by reaper, reaper_probe; drop role reaper; drop role reaper_probe');

    const url = new URL(server.adminUrl);
    [url.username, url.password] = ['job_reaper', 'job_reaper'];
    const [, commands, logins] = section('Restore a dump on another server');
    const there: Env = { ...env, DATABASE_ADMIN_URL: server.adminUrl, DATABASE_URL: server.adminUrl };
    const [migrated, paused] = await run(commands ? [commands] : [], there);
    expect(migrated?.stdout).toBe('Schema reaper is up to date.\nAdapter: reference. Mode: active.\n');
    expect(paused?.stdout).toContain('Paused by');
    await admin.query(logins?.text ?? '');
    const login = new pg.Client({ connectionString: url.href });
    await login.connect();
    const { rows } = await login.query('select running, reaped_total::int, paused from reaper.status');
    await login.end();
    expect(rows).toEqual([{ running: '1', reaped_total: 1, paused: true }]);
  } finally {
    await admin.end();
  }
});

it('fails over: a standby is reported, and a copy by logical replication is repaired', async () => {
  const name = new URL(db.adminUrl).pathname.slice(1);
  await db.admin.query(`alter database ${name} set default_transaction_read_only = on`);
  expect((await findings()).map(({ got }) => got)).toContain(
    'read-only: default_transaction_read_only is on',
  );
  await db.admin.query(`set default_transaction_read_only = off; alter database ${name} reset all`);

  await claimRun(db.admin, await insertRunningJob(db.admin, { id: 'j1', pid: 4242 }));
  await db.admin.query('alter table reaper.ledger alter column id restart with 1');
  expect(await findings()).toMatchObject([
    { check: 'view', got: expect.stringContaining('the next id is 1') as string },
  ]);
  await run(section('Failover'));
  expect(await findings()).toEqual([]);
  const ref = await insertRunningJob(db.admin, { id: 'j2', pid: 4242 });
  expect(await claimRun(db.reaper, ref)).toMatchObject({ result: 'won' });
});

it('switches a table', async () => {
  await insertRunningJob(db.admin, { id: 'j1' });
  for (const sql of sqlOf('Switch a table')) await db.admin.query(sql);
  expect(await findings()).toMatchObject([
    { check: 'view', got: expect.stringContaining('public.jobs') as string },
  ]);
  await run(section('Switch a table'));
  expect(await findings()).toEqual([]);
  await db.admin.query('drop table jobs_old');
  const ref = await insertRunningJob(db.admin, { id: 'j2', pid: 4242 });
  expect(await claimRun(db.reaper, ref)).toMatchObject({ result: 'won' });
  expect(await readJob(db.admin, 'j1')).toMatchObject({ status: 'running' });
});

it('alters a column under the view', async () => {
  const ref = await insertRunningJob(db.admin, { id: 'j1', pid: 4242 });
  for (const sql of sqlOf('Alter a column under the view')) await db.admin.query(sql);
  expect((await findings()).map(({ check }) => check)).toContain('schema');
  await run(section('Alter a column under the view').filter(({ language }) => language === 'sh'));
  expect(await findings()).toEqual([]);
  expect(await claimRun(db.reaper, ref)).toMatchObject({ result: 'won' });
});

it('takes job-reaper out, and leaves the queue as it is', async () => {
  const server = await stoppedAfterwards(
    startPostgres({ log: silent, env: embeddedEnv(), dir: await memoryFolder() }),
  );
  await migrate(server.adminUrl, 'reference');
  const admin = createAdminPool(server.adminUrl);
  try {
    await admin.query(await readPage('sql/extras/reject-late-finalize.sql'));
    for (const { text } of section('Restore a dump on another server', 'sql')) await admin.query(text);
    await claimRun(admin, await insertRunningJob(admin, { id: 'j1', pid: 4242 }));
    for (const sql of sqlOf('Take it out')) await admin.query(sql);
    await admin.query(`update jobs set status = 'done' where id = 'j1'`);
    const { rows } = await admin.query(
      `select (select count(*)::int from pg_roles where rolname ~ 'reaper') as roles,
              (select count(*)::int from pg_namespace where nspname = 'reaper') as schemas,
              (select count(*)::int from pg_trigger where not tgisinternal) as triggers, (select status from jobs) as status`,
    );
    expect(rows).toEqual([{ roles: 0, schemas: 0, triggers: 0, status: 'done' }]);
  } finally {
    await admin.end();
  }
});
