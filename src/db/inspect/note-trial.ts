import { becomeRole } from '../adapter/check-view.js';
import { readStoredAdapter } from '../adapter/stored.js';
import type { Database } from '../database.js';
import { inTransaction } from '../transaction.js';

/** More rows than a free page of the tables holds. */
const ROWS = 200;

/**
 * Writes notes as the trigger of the installed adapter does, with the rights that it has, and rolls them back. The trigger itself may
 * tell nobody what failed.
 *
 * @returns why they cannot be written; null if they can, or the adapter has no trigger
 */
export async function tryNotes(admin: Database): Promise<Error | null> {
  const stored = await readStoredAdapter(admin);
  if (!stored?.trigger) return null;
  return tryWriting(
    admin,
    `insert into reaper.run_process (job_id, run_key, name)
     select 'tried by doctor', n::text || gen_random_uuid(), '' from generate_series(1, $1::integer) n`,
    'reaper_note',
  );
}

/**
 * Writes which worker is which process as workers do when they announce themselves, and rolls it back.
 *
 * @returns why it cannot be written; null if it can
 */
export async function tryAnnouncements(admin: Database): Promise<Error | null> {
  return tryWriting(
    admin,
    `insert into reaper.queue_worker (worker_id, token)
     select 'tried by doctor', n::text || gen_random_uuid() from generate_series(1, $1::integer) n`,
  );
}

async function tryWriting(admin: Database, sql: string, role?: 'reaper_note'): Promise<Error | null> {
  try {
    await inTransaction(
      admin,
      async (connection) => {
        await connection.query(`set local statement_timeout = '5s'; set local lock_timeout = '1s'`);
        if (role !== undefined) await becomeRole(connection, role);
        await connection.query(sql, [ROWS]);
      },
      { end: 'rollback' },
    );
    return null;
  } catch (error) {
    return error as Error;
  }
}
