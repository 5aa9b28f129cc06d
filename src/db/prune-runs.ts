import type { Queryable } from './database.js';

/** Rows that one statement removes at most. */
const BATCH = 10_000;
/** Milliseconds after which no further one is begun. */
const LIMIT_MS = 1_000;

/**
 * Removes the notes of which session took a run, once the run is over. Each statement is a transaction of its own, and waits for nobody.
 *
 * @returns how many
 */
export async function pruneRuns(pool: Queryable): Promise<number> {
  const deadline = performance.now() + LIMIT_MS;
  let pruned = 0;
  for (;;) {
    const { rows } = await pool.query<{ count: number }>('select reaper.prune_runs($1) as count', [BATCH]);
    const count = rows[0]?.count ?? 0;
    pruned += count;
    if (count < BATCH || performance.now() > deadline) return pruned;
  }
}
