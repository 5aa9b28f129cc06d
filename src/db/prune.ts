import type { Database } from './database.js';
import { readAdapterTrouble } from './inspect/hiding.js';
import { inTransaction } from './transaction.js';

/** How many rows of each kind were removed. */
export interface Pruned {
  /** Ledger rows, each with its notification. */
  claims: number;
  observations: number;
  /** Alerts that belong to no claim. */
  notifications: number;
  leaseReclaims: number;
  controlChanges: number;
  holds: number;
  /** Workers of the queue that announced themselves. */
  workers: number;
}

/**
 * Removes everything older than so many seconds from the audit trail. Totals stay. Role `reaper` may not do this.
 *
 * @param dryRun only count: everything is rolled back
 * @throws if less than a day would be kept, or the view does not show the queue as it is, such as while the adapter is detached
 */
export async function prune(pool: Database, olderThanS: number, dryRun = false): Promise<Pruned> {
  const trouble = await readAdapterTrouble(pool);
  if (trouble.length > 0) {
    throw new Error(
      `Expected a view of running jobs that shows the queue, because their claims stay, got: ${trouble.join('; ')}`,
    );
  }
  const { rows } = await inTransaction(
    pool,
    (connection) =>
      connection.query<Pruned>(
        `select claims, observations, notifications, lease_reclaims as "leaseReclaims",
                control_changes as "controlChanges", holds, reaper.prune_workers($1) as workers
           from reaper.prune($1)`,
        [olderThanS],
      ),
    { end: dryRun ? 'rollback' : 'commit' },
  );
  if (rows[0] === undefined) throw new Error('Expected one row from reaper.prune, got none');
  return rows[0];
}
