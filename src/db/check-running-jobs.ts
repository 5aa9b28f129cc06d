import type { Queryable } from './database.js';
import { findUnreadableRuns, recheckUnreadable, type UnreadableRun } from './inspect/unreadable.js';

/**
 * Checks that the view shows the queue as it is, before a sweep relies on it. Records rows that cannot be read, so that they are not
 * examined, and removes the record of those that can be read again.
 *
 * @returns the rows that cannot be read now
 * @throws if the view reads a table that was swapped away, or cannot be read and no single row is the cause
 */
export async function checkRunningJobs(pool: Queryable): Promise<UnreadableRun[]> {
  const { rows } = await pool.query<{ trouble: string | null; known: UnreadableRun[] }>(
    `select (select string_agg(t, '; ') from reaper.adapter_trouble() t) as trouble,
            coalesce((select jsonb_agg(jsonb_build_object('jobId', job_id, 'why', why)) from reaper.unreadable_run), '[]') as known`,
  );
  const { trouble = null, known = [] } = rows[0] ?? {};
  if (trouble !== null) throw new Error(trouble);
  const still = await recheckUnreadable(
    pool,
    known.map(({ jobId }) => jobId),
  );
  const found = await findUnreadableRuns(
    pool,
    still.map(({ jobId }) => jobId),
  );
  const unreadable = [...still, ...found];
  if (known.length > 0 || unreadable.length > 0) {
    await pool.query('select reaper.note_unreadable($1)', [JSON.stringify(unreadable)]);
  }
  return unreadable;
}
