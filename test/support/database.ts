import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { inject } from 'vitest';
import { createPool } from '../../src/db/pool.js';
import { createDatabase, dropDatabase } from '../../src/servers/index.js';

const PASSWORD = 'test';

/** One test's own database, with a pool for each of the roles that the product uses. */
export interface TestDatabase {
  /** As the owner of everything: what a launcher, an operator's psql or a fault does. */
  admin: pg.Pool;
  adminUrl: string;
  /** As role `reaper`. */
  reaper: pg.Pool;
  reaperUrl: string;
  /** As role `reaper_probe`. */
  probe: pg.Pool;
  probeUrl: string;
  drop(): Promise<void>;
}

/** A fresh copy of a migrated database. */
export async function createTestDatabase(
  adapter: 'reference' | 'minimal' = 'reference',
): Promise<TestDatabase> {
  const serverUrl = inject('adminUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const adminUrl = await createDatabase(serverUrl, name, inject('templates')[adapter]);
  const admin = createPool(adminUrl, { applicationName: 'test', statementTimeoutMs: 60_000, max: 30 });
  const reaperUrl = await loginAs(admin, adminUrl, 'reaper');
  const probeUrl = await loginAs(admin, adminUrl, 'reaper_probe');
  const reaper = createPool(reaperUrl, { applicationName: 'test reaper' });
  const probe = createPool(probeUrl, { applicationName: 'test probe' });
  return {
    admin,
    adminUrl,
    reaper,
    reaperUrl,
    probe,
    probeUrl,
    async drop() {
      await Promise.all([admin.end(), reaper.end(), probe.end()]);
      await dropDatabase(serverUrl, name);
    },
  };
}

/** A login of its own that is a member of the role: the role itself stays as the migration made it. */
async function loginAs(admin: pg.Pool, adminUrl: string, role: string): Promise<string> {
  const login = `test_${role}`;
  await admin.query(`
    do $$ begin
      create role ${login} login password '${PASSWORD}' in role ${role};
    exception when duplicate_object or unique_violation then null; end $$`);
  const url = new URL(adminUrl);
  url.username = login;
  url.password = PASSWORD;
  return url.href;
}
