import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { Database } from '../../src/db/database.js';
import { createPool } from '../../src/db/pool.js';
import { createDatabase, dropDatabase } from '../../servers/index.js';
import { cleaner } from './clean.js';
import { loginAs } from './logins.js';

/** A test's own database, with a pool for each role that the product uses. */
export interface TestDatabase {
  /** As the owner of everything, like a launcher, an operator's psql or a fault. */
  admin: pg.Pool;
  adminUrl: string;
  /** As role `reaper`, as the product connects. */
  reaper: Database;
  reaperUrl: string;
  /** As role `reaper_probe`, as the product connects. */
  probe: Database;
  probeUrl: string;
  /** Undoes what tests wrote, for a file whose tests share a database: see {@link cleaner}. */
  clean(): Promise<void>;
  drop(): Promise<void>;
}

/** A new copy of a migrated database. */
export async function createTestDatabase(
  adapter: 'reference' | 'minimal' = 'reference',
): Promise<TestDatabase> {
  const serverUrl = inject('adminUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const adminUrl = await createDatabase(serverUrl, name, inject('templates')[adapter]);
  const admin = createAdminPool(adminUrl);
  const reaperUrl = loginAs('reaper', adminUrl);
  const probeUrl = loginAs('reaper_probe', adminUrl);
  const reaper = createPool(reaperUrl, { applicationName: 'test reaper' });
  const probe = createPool(probeUrl, { applicationName: 'test probe' });
  return {
    admin,
    adminUrl,
    reaper,
    reaperUrl,
    probe,
    probeUrl,
    clean: cleaner(admin),
    async drop() {
      await Promise.all([admin.end(), reaper.end(), probe.end()]);
      await dropDatabase(serverUrl, name);
    },
  };
}

/** Ordinary sessions, without the settings of ours. */
export function createAdminPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    application_name: 'test',
    max: 30,
    statement_timeout: 60_000,
    types: {
      getTypeParser: (id, format): unknown =>
        id === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(id, format),
    },
  });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
