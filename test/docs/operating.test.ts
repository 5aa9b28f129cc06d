import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { executeOnce } from '../../src/db/execute-once.js';
import { migrate } from '../../src/db/migrate.js';
import { startPostgres } from '../../servers/index.js';
import { cli, type CliResult, type Env } from '../cli/support.js';
import { embeddedEnv, silent, stoppedAfterwards, temporaryFolder } from '../servers/support.js';
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

/** Debian's folder of a Postgres with its server, the newest; null if there is none. */
function installedPostgres(): string | null {
  const all = '/usr/lib/postgresql';
  const folders = existsSync(all) ? readdirSync(all).map((version) => join(all, version)) : [];
  const usable = folders.filter((folder) =>
    ['initdb', 'postgres', 'pg_dump', 'pg_restore'].every((name) => existsSync(join(folder, 'bin', name))),
  );
  return usable.sort((a, b) => Number(basename(a)) - Number(basename(b))).at(-1) ?? null;
}
const installed = installedPostgres();

async function embeddedServer(native?: string) {
  const dir = await memoryFolder();
  return stoppedAfterwards(startPostgres({ log: silent, env: embeddedEnv(), dir, native }));
}

/** A queue with one run that was reaped and one that is running. */
async function fillQueue(adminUrl: string): Promise<void> {
  await migrate(adminUrl, 'reference');
  const admin = createAdminPool(adminUrl);
  try {
    const ref = await insertRunningJob(admin, { id: 'j1', pid: 4242 });
    await insertRunningJob(admin, { id: 'j2', pid: 4242 });
    await claimRun(admin, ref);
  } finally {
    await admin.end();
  }
}

describe('restores a dump on another server', () => {
  const [dump, commands, logins] = section('Restore a dump on another server');

  /** What the page does once the dump is there. */
  async function followPage(adminUrl: string): Promise<void> {
    const there: Env = { ...env, DATABASE_ADMIN_URL: adminUrl, DATABASE_URL: adminUrl };
    const [migrated, paused] = await run(commands ? [commands] : [], there);
    expect(migrated?.stdout).toBe('Schema reaper is up to date.\nAdapter: reference. Mode: active.\n');
    expect(paused?.stdout).toContain('Paused by');
    await executeOnce(adminUrl, logins?.text ?? '', 10);
    const url = new URL(adminUrl);
    [url.username, url.password] = ['job_reaper', 'job_reaper'];
    const login = new pg.Client({ connectionString: url.href });
    await login.connect();
    const { rows } = await login.query('select running, reaped_total::int, paused from reaper.status');
    await login.end();
    expect(rows).toEqual([{ running: '1', reaped_total: 1, paused: true }]);
  }

  it('that lacks the roles, and all that was granted to them', async () => {
    const { adminUrl } = await embeddedServer();
    await fillQueue(adminUrl);
    await executeOnce(
      adminUrl,
      'drop owned by reaper, reaper_probe; drop role reaper; drop role reaper_probe',
      10,
    );
    await followPage(adminUrl);
  });

  it.skipIf(installed === null)(
    "by pg_dump and pg_restore, of an older version (skipped: needs Debian's package postgresql)",
    async () => {
      const native = installed ?? '';
      const [old, other] = await Promise.all([embeddedServer(native), embeddedServer()]);
      await fillQueue(old.adminUrl);
      const urls = { OLD_DATABASE_ADMIN_URL: old.adminUrl, DATABASE_ADMIN_URL: other.adminUrl };
      const { stderr, exitCode } = await execa('bash', ['-c', dump?.text ?? ''], {
        cwd: await temporaryFolder(),
        env: { ...urls, PATH: `${native}/bin:${process.env['PATH'] ?? ''}` },
        reject: false,
      });
      const errors = stderr.match(/(?<=pg_restore: error: could not execute query: ERROR: +)\S.*/g);
      expect(new Set(errors?.map((error) => error.replace(/reaper_\w+/, 'reaper')))).toEqual(
        new Set(['role "reaper" does not exist']),
      );
      // It goes on after errors, and says so.
      expect(exitCode).toBe(1);
      await followPage(other.adminUrl);
    },
  );
});

it('fails over: a standby is reported, and a copy by logical replication is repaired', async () => {
  const name = new URL(db.adminUrl).pathname.slice(1);
  await db.admin.query(`alter database ${name} set default_transaction_read_only = on`);
  expect((await findings()).map(({ got }) => got)).toContain(
    'read-only: default_transaction_read_only is on',
  );
  await db.admin.query(`begin read write; alter database ${name} reset all; commit`);

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
  const server = await embeddedServer();
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
