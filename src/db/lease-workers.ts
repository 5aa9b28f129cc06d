import type { Queryable } from './database.js';

/** Seconds after which a worker that has not announced itself again no longer counts. */
const SILENT_AFTER_S = 60;

/** Announces that this host's worker has the lease folder. To be repeated every few seconds. */
export async function announceLeaseWorker(pool: Queryable, host: string): Promise<void> {
  await pool.query('select reaper.announce_lease_worker($1)', [host]);
}

/** Whether any worker has the lease folder. */
export async function hasLeaseWorker(pool: Queryable): Promise<boolean> {
  const { rowCount } = await pool.query(
    `select from reaper.lease_worker where seen_at > (select reaper.now()) - make_interval(secs => $1) limit 1`,
    [SILENT_AFTER_S],
  );
  return rowCount === 1;
}
