import { cp, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrate } from '../../../src/db/migrate.js';
import { emptyDatabase, functionsNamed, ourQueue } from './support.js';

const HELPER = `create or replace function reaper.our_word(p text) returns text language sql as $$ select p $$;\n`;

describe('another adapter', () => {
  it('starts a dry run, and nothing of the previous one stays', async () => {
    const { url, admin } = await emptyDatabase();
    expect(await migrate(url, 'reference')).toMatchObject({ adapter: 'reference', mode: 'active' });
    await admin.query(
      `create function reaper.has_exit_codes() returns boolean language sql as 'select true'`,
    );
    const result = await migrate(url, await ourQueue('our-queue.sql'));
    expect(result).toMatchObject({ adapter: 'our-queue', mode: 'observe' });
    expect(result.notes.join()).toContain('another adapter than "reference"');
    expect(await functionsNamed(admin, 'advance', 'has_exit_codes', 'finish')).toEqual([
      'reaper.finish(text,text,text,text)',
    ]);
    const { rows } = await admin.query('select reaper.has_stages() as stages');
    expect(rows).toEqual([{ stages: false }]);
    const { rows: changes } = await admin.query(`select action, detail from reaper.control_change`);
    expect(changes).toEqual([{ action: 'adapter', detail: { old: 'reference', new: 'our-queue' } }]);
  });

  it('starts a dry run even if it has the same name but reads other tables', async () => {
    const { url, admin } = await emptyDatabase();
    await migrate(url, await ourQueue('queue.sql'));
    await admin.query(`select reaper.set_mode('active', 'test')`);
    const path = await ourQueue('queue.sql', (sql) => sql.replaceAll('public.work', 'public.chores'));
    expect(await migrate(url, path)).toMatchObject({ adapter: 'queue', mode: 'observe' });
  });

  it('is installed even if what the previous one has on its tables cannot be taken off, and says how to do that', async () => {
    const { url, admin } = await emptyDatabase();
    await migrate(url, 'reference');
    await admin.query(`update reaper.adapter set detach = 'drop index not_there'`);
    const { adapter, notes } = await migrate(url, await ourQueue('our-queue.sql'));
    expect(adapter).toBe('our-queue');
    expect(notes).toContain(
      'What the adapter before has on its tables is still there (index "not_there" does not exist): run it yourself: drop index not_there',
    );
  });

  it('loses its helper functions', async () => {
    const { url, admin } = await emptyDatabase();
    await migrate(url, await ourQueue('one.sql', (sql) => HELPER + sql));
    await migrate(url, null);
    expect(await functionsNamed(admin, 'our_word')).toHaveLength(1);
    await migrate(url, await ourQueue('two.sql', (sql) => `${sql}\n-- Another one.`));
    expect(await functionsNamed(admin, 'our_word')).toEqual([]);
    expect(await functionsNamed(admin, 'claim')).toHaveLength(1);
  });

  it('is not a file that was moved, renamed, or changed under its name', async () => {
    const { url, admin } = await emptyDatabase();
    const path = await ourQueue('queue.sql');
    await migrate(url, path);
    await admin.query(`select reaper.set_mode('active', 'test')`);
    const elsewhere = await ourQueue('queue.sql');
    expect(await migrate(url, elsewhere)).toMatchObject({ mode: 'active' });
    const renamed = join(dirname(path), 'renamed.sql');
    await rename(path, renamed);
    expect(await migrate(url, renamed)).toMatchObject({ mode: 'active', adapter: 'renamed' });
    const changed = await ourQueue('renamed.sql', (sql) => `${sql}\n-- Changed.`);
    expect(await migrate(url, changed)).toMatchObject({ mode: 'active' });
    const { rows } = await admin.query<{ contract: string }>('select contract from reaper.adapter');
    expect(rows[0]?.contract).toMatch(/-- Changed\.$/);
  });

  it('is one of the user with the name of one of ours', async () => {
    const { url } = await emptyDatabase();
    await migrate(url, 'reference');
    expect(await migrate(url, await ourQueue('reference.sql'))).toMatchObject({ mode: 'observe' });
  });
});

it('a folder is an adapter, with its indexes; one without a contract is none', async () => {
  const { url, admin } = await emptyDatabase();
  expect(await migrate(url, 'docs/examples/our-queue')).toMatchObject({ adapter: 'our-queue', notes: [] });
  const { rows } = await admin.query(`select to_regclass('public.work_active_idx') is not null as built`);
  expect(rows).toEqual([{ built: true }]);
  const folder = dirname(await ourQueue('other.sql'));
  await cp('docs/examples/our-queue/indexes.sql', join(folder, 'indexes.sql'));
  await expect(migrate(url, folder)).rejects.toThrow('Expected contract.sql in the folder');
});

it('changes nothing if it does not keep the contract', async () => {
  const { url, admin } = await emptyDatabase();
  await migrate(url, 'reference');
  const path = await ourQueue('other.sql', (sql) => sql.replaceAll('reaper.finish', 'reaper.finish_it'));
  await expect(migrate(url, path)).rejects.toThrow(
    'reaper.finish(text, text, text, text): expected it to return boolean or text, got no such function',
  );
  expect(await functionsNamed(admin, 'advance', 'finish', 'finish_it')).toHaveLength(2);
});
