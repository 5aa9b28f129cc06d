import { readStoredAdapter } from '../adapter/stored.js';
import type { Database } from '../database.js';
import { inTransaction } from '../transaction.js';

/** More notes than a free page of the table holds. */
const NOTES = 200;

/**
 * Writes notes as the trigger of the installed adapter does, and rolls them back. The trigger itself may tell nobody what failed.
 *
 * @returns why they cannot be written; null if they can, or the adapter has no trigger
 */
export async function tryNotes(admin: Database): Promise<string | null> {
  const stored = await readStoredAdapter(admin);
  if (!stored?.trigger) return null;
  try {
    await inTransaction(
      admin,
      async (connection) => {
        await connection.query(`set local statement_timeout = '5s'; set local lock_timeout = '1s'`);
        await connection.query(
          `insert into reaper.run_process (job_id, run_key, name)
           select 'tried by doctor', n::text || gen_random_uuid(), '' from generate_series(1, $1::integer) n`,
          [NOTES],
        );
      },
      { end: 'rollback' },
    );
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
