import type { Connection, Database } from '../../src/db/database.js';
import { eventually } from './wait.js';

/** Runs statements in a transaction that stays open until it is ended, to force an interleaving. */
export class OpenTransaction {
  private constructor(readonly client: Connection) {}

  static async begin(pool: Database): Promise<OpenTransaction> {
    const client = await pool.connect();
    await client.query('begin');
    return new OpenTransaction(client);
  }

  async run(sql: string, params: unknown[] = []): Promise<void> {
    await this.client.query(sql, params);
  }

  async commit(): Promise<void> {
    await this.client.query('commit');
    this.client.release();
  }

  async rollback(): Promise<void> {
    await this.client.query('rollback');
    this.client.release();
  }
}

/** Waits until this many statements that contain a text wait for a lock. */
export async function waitsForLock(admin: Database, text: string, statements = 1): Promise<void> {
  await eventually(`${statements} statement(s) with "${text}" waiting for a lock`, async () => {
    const { rows } = await admin.query<{ n: number }>(
      `select count(*) as n from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%' || $1 || '%'`,
      [text],
    );
    return (rows[0]?.n ?? 0) >= statements;
  });
}
