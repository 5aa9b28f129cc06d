import { createLeaseActivities, type LeaseActivities } from '../activities/leases.js';
import { leaseRepos, type Settings } from '../config.js';
import { announceLeaseWorker } from '../db/lease-workers.js';
import type { Database } from '../db/database.js';
import type { LivenessDriver } from '../liveness/index.js';
import type { Logger } from '../log.js';
import type { WorkerContext } from './context.js';

/** Reclaims merge leases. Null if this worker has no lease folder, or lease work is switched off. */
export function createLeaseWork(
  settings: Settings,
  driver: LivenessDriver,
  pool: Database,
  log: Logger,
): LeaseActivities | null {
  const { MERGE_LEASE_DIR: folder, LEASE_RECLAIM_ENABLED: isEnabled } = settings;
  if (folder === undefined || !isEnabled) return null;
  return createLeaseActivities({
    pool,
    folder,
    repos: leaseRepos(settings),
    host: settings.REAPER_HOST,
    sharedPidNamespace: settings.REAPER_SHARED_PID_NAMESPACE,
    driver,
    log,
  });
}

/** Checks the leases once, at start, and announces this worker to the sweeps. Never throws: the sweeps retry. */
export async function reclaimAtStart(context: WorkerContext): Promise<void> {
  const { leases, postgres } = context;
  if (leases === null) return;
  try {
    await announceLeases(context);
    await leases.reclaimLeases();
  } catch (error) {
    postgres.away(error);
  }
}

/** Announces this worker; to be repeated every few seconds. */
export async function announceLeases({ pool, settings }: WorkerContext): Promise<void> {
  await announceLeaseWorker(pool, settings.REAPER_HOST);
}
