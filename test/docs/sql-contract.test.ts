import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { Database } from '../../src/db/database.js';
import { migrate } from '../../src/db/migrate.js';
import { packageRoot } from '../../src/paths.js';
import { createDatabase, dropDatabase } from '../../servers/index.js';
import { claimRun } from '../support/claims.js';
import { blocksOf, readPage } from './support.js';
import { createAdminPool } from '../support/database.js';

const FOLDER = 'docs/examples/our-queue';
const name = `contract_${randomBytes(4).toString('hex')}`;
let admin: Database;

beforeAll(async () => {
  const url = await createDatabase(inject('adminUrl'), name);
  // Twice: safe to run again.
  await migrate(url, join(packageRoot, FOLDER));
  await migrate(url, join(packageRoot, FOLDER));
  admin = createAdminPool(url);
  await admin.query(`select reaper.set_mode('active', 'test')`);
});
afterAll(async () => {
  await admin.end();
  await dropDatabase(inject('adminUrl'), name);
});

it('walks through the very files', async () => {
  const file = (await readPage(`${FOLDER}/contract.sql`)) + (await readPage(`${FOLDER}/indexes.sql`));
  const shown = blocksOf(await readPage('docs/sql-contract.md')).filter(({ language }) => language === 'sql');
  expect(shown).toHaveLength(6);
  for (const { text } of shown) expect(file).toContain(text);
});

it.each([
  ['done', 'finished', null],
  ['queued', 'waiting', 'reaped: dead pid=4242 (run_id=r)'],
  ['failed', 'dead', 'reaped: dead pid=4242 (run_id=r)'],
] as const)('a claim as %s is %s there', async (outcome, state, note) => {
  const { rows } = await admin.query<{ jobId: string; runKey: string }>(
    `insert into work (topic, state, tries, execution, worker, pid, active_since)
     values ('mail', 'active', 1, nextval('work_execution'), 'builder-1', 4242, now())
     returning id::text as "jobId", execution::text as "runKey"`,
  );
  const [ref] = rows;
  if (!ref) throw new Error('Expected a row, got none');
  const error = outcome === 'done' ? null : 'reaped: dead pid=4242 (run_id=r)';
  expect(await claimRun(admin, ref, { outcome, error })).toMatchObject({ result: 'won' });
  const { rows: after } = await admin.query('select state, note, pid from work where id = $1', [ref.jobId]);
  expect(after).toEqual([{ state, note, pid: outcome === 'queued' ? null : 4242 }]);
});
