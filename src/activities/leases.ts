import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import { readLeaseBlock } from '../db/lease-block.js';
import { recordLeaseReclaim } from '../db/record-lease-reclaim.js';
import type { LeaseReclaim } from '../domain/lease.js';
import { reclaimLeases, type RepoReport } from '../leases/index.js';
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
  /** Seconds that one look at the folder is waited for. @default 10 */
  limitS?: number;
}

/** What one reclaim of all repos came to. */
export interface LeaseSweep {
  /** Leases that it put on record and removed. */
  reclaimed: number;
  /** What a person has to look at, one line each. */
  trouble: string[];
}

/** Seconds that one look at the folder is waited for: a network file system may hang for ever. */
const LOOK_LIMIT_S = 10;

/** The activity that reclaims merge leases whose holder is gone. */
export function createLeaseActivities(options: LeaseActivitiesOptions) {
  const { pool, log, limitS = LOOK_LIMIT_S, ...standpoint } = options;
  const { host, folder } = standpoint;
  let knownTrouble = new Set<string>();
  /** The look under way: another one would only hang beside it, and take one thread more. */
  let look: Promise<RepoReport[]> | null = null;

  return {
    /**
     * Removes stale leases, each put on record once. What goes wrong in one repo is trouble of that repo only. Never waits
     * long for the folder.
     */
    async reclaimLeases(): Promise<LeaseSweep> {
      const reports = await lookOnce();
      const reclaimed = (reports ?? []).flatMap((report) => report.reclaimed);
      const trouble =
        reports === null
          ? [`the lease folder ${folder} does not answer within ${limitS} s: see that its mount is well`]
          : reports.flatMap((report) => report.trouble.map((line) => `repo ${report.repo}: ${line}`));
      for (const line of trouble) if (!knownTrouble.has(line)) log.warn(`lease trouble: ${line}`);
      knownTrouble = new Set(trouble);
      return { reclaimed: reclaimed.length, trouble };
    },
  };

  /** Null when it takes too long; it goes on then, and the next call waits for the same one. */
  async function lookOnce(): Promise<RepoReport[] | null> {
    look ??= reclaimLeases({
      ...standpoint,
      blockOn: (repo, holder) => readLeaseBlock(pool, repo, holder),
      record: async (reclaim) => {
        const recorded = await recordLeaseReclaim(pool, reclaim, host);
        if (recorded.result === 'recorded') logReclaim(reclaim);
        return recorded;
      },
    }).finally(() => (look = null));
    // Heard by whoever waits; one that ends later than they wait must not end the process.
    look.catch(() => undefined);
    const late = new AbortController();
    try {
      return await Promise.race([look, sleep(limitS * 1000, null, { signal: late.signal, ref: false })]);
    } finally {
      late.abort();
    }
  }

  function logReclaim({ repo, token, pid, host: holder, reason }: LeaseReclaim): void {
    log.info(`lease of repo ${repo} reclaimed (${reason})`, { repo, token, pid, host: holder, reason });
  }
}

/** Activities that {@link createLeaseActivities} makes. */
export type LeaseActivities = ReturnType<typeof createLeaseActivities>;
