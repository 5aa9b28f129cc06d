import type { Pool } from 'pg';
import type { RunRef } from '../domain/types.js';

/** Takes the alert that a run proven alive is over its ceiling. False when it was taken before: it is sent once. */
export async function takeBackstopAlert(pool: Pool, ref: RunRef, text: string): Promise<boolean> {
  const { rows } = await pool.query<{ taken: boolean }>('select reaper.take_alert($1, $2, $3, $4) as taken', [
    'backstop',
    ref.jobId,
    ref.runKey,
    text,
  ]);
  return rows[0]?.taken ?? false;
}
