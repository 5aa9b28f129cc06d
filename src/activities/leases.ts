import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.js';
import { readLeaseBlock } from '../db/lease-block.js';
import { recordLeaseReclaim } from '../db/record-lease-reclaim.js';
import type { LeaseReclaim } from '../domain/lease.js';
import { reclaimLeases, type RepoReport } from '../leases/index.js';
import type { LivenessDriver } from '../liveness/index.js';
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
  /** How to look at holders. @default this platform's driver, on its own `/proc` */
  driver?: LivenessDriver;
  log: Logger;
  /** Seconds to wait for one look at the folder. @default 10 */
  limitS?: number;
}

/** The result of one reclaim over all repos. */
export interface LeaseSweep {
  /** Leases that it recorded and removed. */
  reclaimed: number;
  /** What a person must check, one line each. */
  trouble: string[];
}

/** Seconds to wait for one look at the folder: a network file system may hang forever. */
const LOOK_LIMIT_S = 10;

/** The activity that reclaims merge leases whose holder is gone. */
export function createLeaseActivities(options: LeaseActivitiesOptions) {
  const { pool, log, limitS = LOOK_LIMIT_S, ...standpoint } = options;
  const { host, folder } = standpoint;
  let knownTrouble = new Set<string>();
  /** The look in progress: a second one would only hang beside it and occupy another thread. */
  let look: Promise<RepoReport[]> | null = null;

  return {
    /**
     * Removes stale leases and records each once. A failure in one repo affects only that repo. Never waits long for the
     * folder.
     */
    async reclaimLeases(): Promise<LeaseSweep> {
      const reports = await lookOnce();
      const reclaimed = (reports ?? []).flatMap((report) => report.reclaimed);
      const trouble =
        reports === null
          ? [`the lease folder ${folder} did not answer within ${limitS} s: check its mount`]
          : reports.flatMap((report) => report.trouble.map((line) => `repo ${report.repo}: ${line}`));
      for (const line of trouble) if (!knownTrouble.has(line)) log.warn(`lease trouble: ${line}`);
      knownTrouble = new Set(trouble);
      return { reclaimed: reclaimed.length, trouble };
    },
  };

  /** Null if it takes too long. The look continues then, and the next call waits for it. */
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
    // Whoever waits handles a failure; one that comes after the wait must not end the process.
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
