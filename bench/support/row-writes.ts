import type { Database } from '../../src/db/database.js';
import { until } from './until.js';

/** Rows written to the queue's tables since the database was created. */
export interface RowWrites {
  inserted: number;
  updated: number;
  deleted: number;
}

/**
 * Reads from Postgres how many rows were written to `jobs`, `tasks` and `agent_runs`. A session may report its writes late,
 * at the latest when it ends. So this first ends every other session of this database.
 */
export async function countRowWrites(admin: Database): Promise<RowWrites> {
  const client = await admin.connect();
  try {
    await until('all other sessions ended', async () => {
      const { rowCount } = await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`,
      );
      return rowCount === 0;
    });
    await client.query('select pg_stat_force_next_flush()');
    const { rows } = await client.query<RowWrites>(
      `select sum(n_tup_ins)::bigint as inserted, sum(n_tup_upd)::bigint as updated, sum(n_tup_del)::bigint as deleted
         from pg_stat_user_tables
        where schemaname = 'public' and relname in ('jobs', 'tasks', 'agent_runs')`,
    );
    if (rows[0] === undefined) throw new Error('Expected one row of counters, got none');
    return rows[0];
  } finally {
    client.release();
  }
}
