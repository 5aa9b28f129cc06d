import type { Database } from '../db/database.js';
import { readLeaseBlock } from '../db/lease-block.js';
import { recordLeaseReclaim } from '../db/record-lease-reclaim.js';
import { reclaimLeases } from '../leases/index.js';
import type { Logger } from '../log.js';

/** What {@link createLeaseActivities} needs. */
export interface LeaseActivitiesOptions {
  pool: Database;
  /** The lease folder, which launchers share. */
  folder: string;
  repos: readonly string[];
  /** This host, as the leases name it. */
  host: string;
  sharedPidNamespace: boolean;
  log: Logger;
}

/** What one reclaim of all repos came to. */
export interface LeaseSweep {
  /** Leases that it put on record and removed. */
  reclaimed: number;
  /** What a person has to look at, one line each. */
  trouble: string[];
}

/** The activity that reclaims merge leases whose holder is gone. */
export function createLeaseActivities({ pool, log, ...standpoint }: LeaseActivitiesOptions) {
  const { host } = standpoint;
  let knownTrouble = new Set<string>();

  return {
    /** Removes stale leases, each put on record once. What goes wrong in one repo is trouble of that repo only. */
    async reclaimLeases(): Promise<LeaseSweep> {
      const reports = await reclaimLeases({
        ...standpoint,
        blockOn: (repo, holder) => readLeaseBlock(pool, repo, holder),
        record: (reclaim) => recordLeaseReclaim(pool, reclaim, host),
      });
      const reclaimed = reports.flatMap((report) => report.reclaimed);
      for (const { repo, token, pid, host: holder, reason } of reclaimed) {
        log.info(`lease of repo ${repo} reclaimed (${reason})`, { repo, token, pid, host: holder, reason });
      }
      const trouble = reports.flatMap((report) =>
        report.trouble.map((line) => `repo ${report.repo}: ${line}`),
      );
      for (const line of trouble) if (!knownTrouble.has(line)) log.warn(`lease trouble: ${line}`);
      knownTrouble = new Set(trouble);
      return { reclaimed: reclaimed.length, trouble };
    },
  };
}

/** Activities that {@link createLeaseActivities} makes. */
export type LeaseActivities = ReturnType<typeof createLeaseActivities>;
