import type { Database } from '../db/database.js';
import type { ClockReading } from '../db/database-clock.js';
import {
  readDeclaredPage,
  readHostWave,
  type Declared,
  type HostRow,
  type HostWave,
} from '../db/host-pages.js';
import { declaredGone, declaredPlaceGone } from '../domain/declaration.js';
import {
  MAX_HOST_LOOKS,
  type HostLook,
  type HostPage,
  type LookLimits,
  type LookTarget,
  type Sighting,
} from '../domain/host-look.js';
import { confirmWaitS, looksNeeded } from '../domain/policy.js';
import type { Logger } from '../log.js';
import type { ProcessMetrics } from '../metrics/process-metrics.js';
import type { Names } from '../naming.js';
import { giveUpOnAnswer } from './give-up.js';
import { keepNamed, toHostLook } from './look-at-page.js';
import { createSettler } from './settle-page.js';

/** How a wave of a host watch is to go. */
export interface WavePlan {
  /** Why nothing may be claimed now, in words, or null. */
  stop: string | null;
  /** The queue of the host's probe; null for the runs of no host. */
  queue: string | null;
  /** Somebody declared the host gone, and no probe has answered since: it is not waited for as long. */
  isGone: boolean;
  limits: LookLimits;
  /** Looks in all that a death takes, and milliseconds between them; an interval where it is unknown whether the process is alive. */
  looks: number;
  confirmMs: number;
  pages: HostPage[];
  /** The job id after which the next wave begins, or null if this is the last. */
  next: string | null;
}

/** What {@link createHostWatchActivities} needs. */
export interface HostWatchActivitiesOptions {
  pool: Database;
  looks: Database;
  batches: Database;
  others: Database;
  names: Names;
  log: Logger;
  metrics: ProcessMetrics;
  /** Takes a reading of the database's clock; true if it has stepped. */
  noteReading: (reading: ClockReading) => boolean;
}

/** What is known of a host's probe when what was declared counts. `answered`: it knows more than a declaration. */
export type ProbeSilence = 'no host' | 'silent' | 'failed' | 'answered';

/** The activities of host watches on the workflow queue, as role `reaper`. */
export function createHostWatchActivities(options: HostWatchActivitiesOptions) {
  const { looks, names } = options;
  return {
    /** Divides the next runs of a host into pages, and says how they are to be looked at. */
    async planHostWave(
      host: string | null,
      after: string | null,
      size: { pageSize: number; pages: number },
    ): Promise<WavePlan> {
      const wave = await readHostWave(looks, host, after, size);
      const { policy, placesGone } = wave;
      const { intervalS, finalizeGraceS, maxRunningS } = policy;
      return {
        stop: whyStop(wave),
        queue: host === null ? null : names.probeQueue(host),
        isGone: wave.isGone,
        limits: { intervalS, finalizeGraceS, maxRunningS, placesGone },
        looks: looksNeeded(policy),
        // Its runs are at least an interval old.
        confirmMs: 1000 * confirmWaitS({ ageS: intervalS }, policy),
        pages: wave.pages,
        next: wave.next,
      };
    },

    /** Looks at many runs of a host that no probe can see, or did not see: what was declared counts, everything else is unknown. */
    async lookAtDeclared(
      host: string | null,
      { page, named }: LookTarget,
      limits: LookLimits,
      silence: ProbeSilence,
    ): Promise<HostLook> {
      const rows = keepNamed(await giveUpOnAnswer(() => readDeclaredPage(looks, host, page)), named);
      const seen = rows.map((row) => declaredLiveness(row, host, silence));
      // A run that is unknown after all is of interest only by its age.
      const probeFailed = silence === 'failed';
      return toHostLook(rows, seen, { ...limits, placesGone: false, probeFailed }, named);
    },

    ...createSettler(options),
  };
}

function whyStop({ policy, paused }: HostWave): string | null {
  if (!policy.enabled) return 'disabled by REAPER_ENABLED';
  return looksNeeded(policy) > MAX_HOST_LOOKS ? `a death takes more than ${MAX_HOST_LOOKS} looks` : paused;
}

function declaredLiveness(row: HostRow & Declared, host: string | null, silence: ProbeSilence): Sighting {
  // A probe that fails exists: such a declaration counts only if nobody polls the host's queue.
  if (silence === 'silent' && row.hostGoneBy !== null) {
    return { ...declaredGone(row.hostGoneBy), declared: true };
  }
  if (row.placeGone !== null) {
    return { ...declaredPlaceGone(row.placeGone), declared: true };
  }
  const evidence =
    host === null ? 'the run names no host that can be asked' : `the probe on host ${host} did not answer`;
  return { state: 'unknown', proven: false, evidence };
}

/** Activities that {@link createHostWatchActivities} makes. */
export type HostWatchActivities = ReturnType<typeof createHostWatchActivities>;
