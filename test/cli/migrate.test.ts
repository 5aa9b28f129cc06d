import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createDatabase, dropDatabase, freePort } from '../../servers/index.js';
import { cli } from './support.js';

const name = `cli-migrate-${randomBytes(5).toString('hex')}`;
let url: string;

beforeAll(async () => {
  url = await createDatabase(inject('adminUrl'), name);
});

afterAll(() => dropDatabase(inject('adminUrl'), name));

test('creates the schema, then the adapter, and may run again', async () => {
  const first = await cli(['migrate'], { DATABASE_ADMIN_URL: url });
  expect(first.stdout).toMatch(/^Applied 0001_roles, .*\nNo adapter is installed yet/);
  expect(first.code).toBe(0);

  const second = await cli(['migrate', '--adapter', 'reference'], { DATABASE_ADMIN_URL: url });
  expect(second.stdout).toBe('Schema reaper is up to date.\nAdapter: reference. Mode: active.\n');
  expect(second.code).toBe(0);

  const third = await cli(['migrate'], { DATABASE_ADMIN_URL: url });
  expect(third.stdout).toBe(second.stdout);
});

test('an adapter of another queue', async () => {
  const { code, stderr } = await cli(['migrate', '--adapter', 'minimal'], { DATABASE_ADMIN_URL: url });
  expect(stderr).toMatch(
    /^Expected adapter "minimal" to be installed, got "column .* does not exist": choose/,
  );
  expect(code).toBe(1);
});

test('the adapter of a queue whose tables are elsewhere, or not there yet', async () => {
  const { code, stderr } = await cli(['migrate', '--adapter', 'pg-boss'], { DATABASE_ADMIN_URL: url });
  expect(stderr).toMatch(
    /^Expected adapter "pg-boss" to be installed, got ".*pgboss\.job.* does not exist": have the queue create its tables first, name their schema with --schema/,
  );
  expect(code).toBe(1);
});

test('an adapter that does not exist', async () => {
  const { code, stderr } = await cli(['migrate', '--adapter', './no.sql'], { DATABASE_ADMIN_URL: url });
  expect(stderr).toContain(
    'Expected adapter "dbos", "graphile-worker", "minimal", "oban", "pg-boss", "procrastinate", "reference", "river", "solid-queue", or the path of an SQL file',
  );
  expect(stderr).not.toContain('    at ');
  expect(code).toBe(1);
});

test('without DATABASE_ADMIN_URL', async () => {
  const { code, stderr } = await cli(['migrate'], { DATABASE_URL: url });
  expect(stderr).toContain('DATABASE_ADMIN_URL: expected a postgres:// URL, got nothing');
  expect(code).toBe(1);
});

test('without Postgres', async () => {
  const port = await freePort();
  const { code, stderr } = await cli(['migrate'], {
    DATABASE_ADMIN_URL: `postgres://admin:secret@127.0.0.1:${port}/queue`,
  });
  expect(stderr).toContain(`Expected Postgres to answer at 127.0.0.1:${port}/queue`);
  expect(stderr).toContain('DATABASE_ADMIN_URL');
  expect(stderr).not.toContain('secret');
  expect(code).toBe(1);
});
