import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { createDatabase, dropDatabase, startPostgres, type PostgresServer } from '../../servers/index.js';
import { memoryFolder } from '../support/memory-folder.js';

/** A database for the gates of one test file. */
export interface TestDatabase {
  /** Set once the tests run. */
  url(): string;
  /** Runs SQL as its owner; without values, it may be several statements. */
  sql(text: string, values?: unknown[]): Promise<pg.QueryResult>;
  /** The sessions of gates and their queries. */
  sessions(): Promise<{ state: string; query: string }[]>;
}

/** Creates a database before the tests of a file and drops it after them. */
export function useDatabase(setUp: string): TestDatabase {
  const name = `gates_test_${randomBytes(6).toString('hex')}`;
  let server: PostgresServer | undefined;
  let owner: pg.Pool | undefined;
  let url = '';

  const sql = async (text: string, values: unknown[] = []): Promise<pg.QueryResult> => {
    if (owner === undefined) throw new Error('expected to be called by a test, got no database yet');
    return values.length === 0 ? owner.query(text) : owner.query(text, values);
  };

  beforeAll(async () => {
    server = await startPostgres({ log: () => undefined, dir: await memoryFolder() });
    url = await createDatabase(server.adminUrl, name);
    owner = new pg.Pool({ connectionString: url });
    owner.on('error', () => undefined);
    await sql(setUp);
  }, 120_000);

  afterAll(async () => {
    try {
      await owner?.end();
      if (server) await dropDatabase(server.adminUrl, name);
    } finally {
      await server?.stop();
    }
  }, 60_000);

  return {
    url: () => url,
    sql,
    async sessions() {
      const { rows } = await sql(
        "select state, query from pg_stat_activity where application_name = 'job-reaper gate' and datname = $1",
        [name],
      );
      return rows as { state: string; query: string }[];
    },
  };
}
