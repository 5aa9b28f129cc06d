import { expect, it } from 'vitest';
import { runPatiently } from '../../../src/db/adapter/patiently.js';
import { OpenTransaction } from '../../support/locks.js';
import { emptyDatabase } from './support.js';

// Dropping a trigger of a partitioned table locks the partitions first, and each reader locks the table first.
it.each([
  ['waited too long for a lock', '55P03'],
  ['lost a deadlock', '40P01'],
])('a statement that %s is tried again', async (_, code) => {
  const { admin } = await emptyDatabase();
  const client = await admin.connect();
  try {
    // A sequence remembers what a rollback undoes.
    await client.query('create sequence tries');
    await runPatiently(
      client,
      `do $$ begin if nextval('tries') < 3 then raise sqlstate '${code}'; end if; end $$; create table done ()`,
    );
    expect((await client.query(`select last_value from tries, done`)).rowCount).toBe(0);
    expect((await client.query(`select last_value as tries from tries`)).rows).toEqual([{ tries: 3 }]);
    await expect(runPatiently(client, 'select 1/0')).rejects.toThrow('division by zero');
  } finally {
    client.release();
  }
});

it('a lock that somebody keeps: it says so, and what to do', async () => {
  const { admin } = await emptyDatabase();
  await admin.query('create table queue ()');
  const client = await admin.connect();
  const reader = await OpenTransaction.begin(admin);
  try {
    await reader.run('select from queue');
    await expect(runPatiently(client, 'alter table queue add id integer', 2)).rejects.toThrow(
      `Expected a lock on the queue's tables, got "canceling statement due to lock timeout" 2 times: end the transactions`,
    );
    await reader.rollback();
    await runPatiently(client, 'alter table queue add id integer', 2);
  } finally {
    client.release();
  }
});
