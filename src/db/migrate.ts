import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { packageRoot } from '../paths.js';
import { checkContract } from './contract.js';

const SQL_FOLDER = join(packageRoot, 'sql');

/** What {@link migrate} did. */
export interface MigrateResult {
  /** Names of the migrations that ran now. */
  applied: string[];
  /** The adapter in place, or null when none has ever been installed. */
  adapter: string | null;
  mode: 'active' | 'observe';
}

/**
 * Brings schema `reaper` up to date and installs an adapter; safe to run again.
 *
 * A fresh install is active on the reference adapter and a dry run on any other.
 *
 * @param adminUrl a login that owns the schema and may create roles
 * @param adapter `reference`, `minimal`, the path of an SQL file, or null to keep the one in place
 * @throws when the adapter's file is missing or does not keep the SQL contract
 */
export async function migrate(adminUrl: string, adapter: string | null): Promise<MigrateResult> {
  const adapterFile = adapter === null ? null : findAdapter(adapter);
  const client = new pg.Client({ connectionString: adminUrl, application_name: 'job-reaper migrate' });
  await client.connect();
  try {
    const applied = await runner({
      dbClient: client,
      dir: join(SQL_FOLDER, 'migrations'),
      direction: 'up',
      migrationsTable: 'migration',
      migrationsSchema: 'reaper',
      createMigrationsSchema: true,
      singleTransaction: true,
      noLock: false,
      // It also logs, as errors, what it throws, and that our numbers are no timestamps.
      logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    });
    await client.query('begin');
    if (adapterFile !== null) await client.query(await readFile(adapterFile, 'utf8'));
    for (const file of ['views.sql', 'grants.sql'])
      await client.query(await readFile(join(SQL_FOLDER, file), 'utf8'));
    const { rows } = await client.query<{ adapter: string | null; mode: 'active' | 'observe' }>(
      `update reaper.control
          set adapter = coalesce($1, adapter),
              mode = case when adapter is null and $1 = 'reference' then 'active' else mode end
        returning adapter, mode`,
      [adapter],
    );
    const control = rows[0];
    if (control === undefined)
      throw new Error('Expected one row in reaper.control, got none: restore it from a backup');
    if (control.adapter !== null) await checkContract(client);
    await client.query('commit');
    return { applied: applied.map((migration) => migration.name), ...control };
  } finally {
    await client.end();
  }
}

function findAdapter(adapter: string): string {
  const shipped = join(SQL_FOLDER, 'adapters', `${adapter}.sql`);
  if (/^[a-z]+$/.test(adapter) && existsSync(shipped)) return shipped;
  const own = resolve(adapter);
  if (existsSync(own)) return own;
  throw new Error(
    `Expected an adapter "reference", "minimal" or the path of an SQL file, got "${adapter}": no file at ${own}`,
  );
}

function ignore(): void {
  // The caller reports what was applied, and what failed is thrown.
}
