import { setImmediate } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import type { Queryable } from '../db/database.js';
import type { Cursor } from '../domain/page.js';
import { readHostRuns } from '../db/host-runs.js';
import type { Liveness, ProcessStamp } from '../domain/liveness.js';
import { probeProcess, selectDriver } from '../liveness/index.js';
import type { Names } from '../naming.js';
import type { Symptom } from './jobs.js';

/** Rows that are read and probed before other work gets its turn. */
const BATCH = 1_000;
/** Symptoms after which an examination stops; the next one goes on behind them. */
const SYMPTOM_LIMIT = 250;

/** What a host's probe found among the host's runs. */
export interface HostExamination {
  symptoms: Symptom[];
  /** How many of the rows that it saw have a process of which nobody can tell. */
  unknown: number;
  /** Where the next examination goes on, or null when this one saw all rows. */
  next: Cursor | null;
}

/** What {@link createProbeActivities} needs. */
export interface ProbeActivitiesOptions {
  pool: Queryable;
  names: Names;
  /** This host, as the job rows name it. */
  host: string;
  sharedPidNamespace: boolean;
}

/** The activities of one host's probe: a pid means something on its own host only. They only read. */
export function createProbeActivities({ pool, names, host, sharedPidNamespace }: ProbeActivitiesOptions) {
  function checkHost(asked: string): void {
    if (asked === host) return;
    throw ApplicationFailure.nonRetryable(
      `Expected runs of host "${host}", got host "${asked}"`,
      'WrongHost',
    );
  }

  return {
    /** Reads this host's rows itself, probes them in batches and returns those whose process looks dead or defunct. */
    async examineHost(asked: string, after: Cursor | null, budgetMs: number): Promise<HostExamination> {
      checkHost(asked);
      const deadline = performance.now() + budgetMs;
      const symptoms: Symptom[] = [];
      let unknown = 0;
      let next = after;
      do {
        const page = await readHostRuns(pool, host, next, BATCH);
        // Rows first, then one look at all their processes: what the driver sees is never older than what the rows say.
        const driver = selectDriver().prepare(page.items.map(({ pid }) => pid));
        for (const run of page.items) {
          const { state } = probeProcess(run, { sharedPidNamespace, driver });
          if (state === 'unknown') unknown += 1;
          if (state !== 'dead' && state !== 'defunct') continue;
          const { jobId, runKey } = run;
          symptoms.push({ jobId, runKey, host, watchId: names.watchId(run), symptom: state });
        }
        next = page.next;
        await setImmediate();
      } while (next !== null && symptoms.length < SYMPTOM_LIMIT && performance.now() < deadline);
      return { symptoms, unknown, next };
    },

    /** One fresh look at one process of this host. */
    probeRun(asked: string, stamp: ProcessStamp): Promise<Liveness> {
      checkHost(asked);
      return Promise.resolve(probeProcess(stamp, { sharedPidNamespace }));
    },
  };
}

/** Activities that {@link createProbeActivities} makes. */
export type ProbeActivities = ReturnType<typeof createProbeActivities>;
