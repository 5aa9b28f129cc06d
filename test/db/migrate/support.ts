import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../../src/db/database.js';
import { inject, onTestFinished } from 'vitest';
import { createDatabase, dropDatabase } from '../../../servers/index.js';
import { readPage } from '../../docs/support.js';
import { createAdminPool } from '../../support/database.js';

/** An empty database, until the test is over. */
export async function emptyDatabase(): Promise<{ url: string; admin: Database }> {
  const name = `migrate_${randomBytes(5).toString('hex')}`;
  const url = await createDatabase(inject('adminUrl'), name);
  const admin = createAdminPool(url);
  onTestFinished(async () => {
    await admin.end();
    await dropDatabase(inject('adminUrl'), name);
  });
  return { url, admin };
}

/** The adapter of docs/examples, changed, as a file with its own name. */
export async function ourQueue(
  name: string,
  change: (contract: string) => string = (contract) => contract,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-adapter-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  await writeFile(path, change(await readPage('docs/examples/our-queue/contract.sql')));
  return path;
}

/** A running job of that queue. */
export async function insertWork(
  admin: Database,
  topic = 'mail',
): Promise<{ jobId: string; runKey: string }> {
  const { rows } = await admin.query<{ jobId: string; runKey: string }>(
    `insert into work (topic, state, tries, execution, worker, pid, active_since)
     values ($1, 'active', 1, nextval('work_execution'), 'builder-1', 4242, now())
     returning id::text as "jobId", execution::text as "runKey"`,
    [topic],
  );
  if (rows[0] === undefined) throw new Error('Expected a row, got none');
  return rows[0];
}

/** Signatures of the functions in schema reaper of these names. */
export async function functionsNamed(admin: Database, ...names: string[]): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>(
    `select p.oid::regprocedure::text as name from pg_proc p
      where p.pronamespace = 'reaper'::regnamespace and p.proname = any($1) order by 1`,
    [names],
  );
  return rows.map(({ name }) => name);
}
