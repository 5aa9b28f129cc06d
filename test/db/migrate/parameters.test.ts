import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { fillIn, parametersOf } from '../../../src/db/adapter/parameters.js';
import { migrate } from '../../../src/db/migrate.js';
import { readPage } from '../../docs/support.js';
import { emptyDatabase, ourQueue } from './support.js';

const DECLARED =
  '-- parameter schema = public: where the table is\n-- parameter limit = 3: how many attempts\n';

/** The adapter of docs/examples, whose schema and number of attempts are parameters, as a folder. */
async function withParameters(): Promise<string> {
  const folder = join(dirname(await ourQueue('file.sql')), 'our-queue');
  await mkdir(folder);
  const change = (sql: string) =>
    sql.replaceAll('public.work', ':"schema".work').replaceAll('work_active_idx', 'active_idx');
  const contract = await readPage('docs/examples/our-queue/contract.sql');
  await writeFile(
    join(folder, 'contract.sql'),
    DECLARED + change(contract).replace(/3( +as max_attempts)/, `:'limit'::integer$1`),
  );
  await writeFile(join(folder, 'indexes.sql'), change(await readPage('docs/examples/our-queue/indexes.sql')));
  return folder;
}

it('fills in declared names, as identifiers and as texts, and nothing else', () => {
  const values = { schema: 'my "schema"', limit: "it's 5" };
  expect(
    fillIn(`select :'limit' from :"schema".t where a[1:2] = x::"char" and :"other" = :limit`, values),
  ).toBe(`select 'it''s 5' from "my ""schema""".t where a[1:2] = x::"char" and :"other" = :limit`);
  expect(fillIn(`x::"schema"`, values)).toBe(`x::"schema"`);
  expect(fillIn(`:"constructor"`, values)).toBe(`:"constructor"`);
  expect(parametersOf(DECLARED)).toEqual([
    { name: 'schema', default: 'public', about: 'where the table is' },
    { name: 'limit', default: '3', about: 'how many attempts' },
  ]);
});

it('keeps the values that were given, in the contract, the indexes and later migrations', async () => {
  const { url, admin } = await emptyDatabase();
  const read = async () => {
    const { rows } = await admin.query(
      `select (select parameters from reaper.adapter) as parameters, (select relations from reaper.adapter) as relations,
              (select array_agg(schemaname || '.' || indexname) from pg_indexes where indexname = 'active_idx') as indexes`,
    );
    return rows[0];
  };
  await admin.query('create schema "Our jobs"');
  const folder = await withParameters();
  const given = { schema: 'Our jobs', limit: '7' };
  await migrate(url, folder, given);
  const expected = { parameters: given, relations: ['"Our jobs".work'], indexes: ['Our jobs.active_idx'] };
  expect(await read()).toEqual(expected);
  await migrate(url, null);
  expect(await read()).toEqual(expected);
  await migrate(url, folder);
  expect(await read()).toEqual(expected);
  // One of them alone, too.
  await migrate(url, null, { limit: '9' });
  expect(await read()).toEqual({ ...expected, parameters: { ...given, limit: '9' } });

  // Other tables are another queue.
  await admin.query(`select reaper.set_mode('active', 'test')`);
  expect(await migrate(url, null, { schema: 'public' })).toMatchObject({ mode: 'observe' });
  expect(await read()).toMatchObject({
    parameters: { schema: 'public', limit: '9' },
    relations: ['public.work'],
  });
});

it('refuses parameters that the adapter does not have, and values that cannot be any', async () => {
  const { url } = await emptyDatabase();
  await expect(migrate(url, null, { schema: 'x' })).rejects.toThrow('name it with --adapter');
  await expect(migrate(url, 'minimal', { schema: 'x' })).rejects.toThrow('which has none, got "schema"');
  const folder = await withParameters();
  await expect(migrate(url, folder, { shema: 'x' })).rejects.toThrow('did you mean "schema"?');
  await expect(migrate(url, folder, { schema: 'x'.repeat(64) })).rejects.toThrow('1 to 63 bytes');
  await expect(migrate(url, folder, { schema: ' ' })).rejects.toThrow('1 to 63 bytes');
});
