import { setImmediate } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { readBoots } from '../db/boots.js';
import type { Queryable } from '../db/database.js';
import type { Cursor } from '../domain/page.js';
import { readHostRuns } from '../db/host-runs.js';
import type { Liveness, ProcessStamp } from '../domain/liveness.js';
import { messageOf } from '../domain/trouble.js';
import { bootsInDoubt, probeProcess, selectDriver, type LivenessDriver } from '../liveness/index.js';
import type { Names } from '../naming.js';
import { HostReporter } from './host-reporter.js';
import type { Symptom } from './sweeps.js';

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
  /** The process's own. @default a new one */
  reporter?: HostReporter;
}

/**
 * The activities of one host's probe: a pid means something on its own host only. They write nothing but that this host was asked,
 * before their answer goes out: from then on no declaration that the host is gone stands.
 */
export function createProbeActivities(options: ProbeActivitiesOptions) {
  const { pool, names, host, sharedPidNamespace } = options;
  const { reporter = new HostReporter({ pool, host }) } = options;

  /**
   * Has what was seen answered, and what failed on record: what failed behind it keeps nothing back. The report comes after the look,
   * so its doubt is about this very look.
   */
  async function answer<T>(
    work: string,
    asked: string,
    look: () => Promise<{ result: T; failure: unknown }>,
    inDoubt: (result: T, doubt: string) => T,
  ): Promise<T> {
    try {
      if (asked !== host) {
        throw ApplicationFailure.nonRetryable(
          `Expected runs of host "${host}", got host "${asked}": set REAPER_HOST to what the rows say`,
          'WrongHost',
        );
      }
      const { result, failure } = await look();
      reporter.ended(work, failure === null ? null : messageOf(failure));
      const { doubt } = await reporter.report();
      return doubt === null ? result : inDoubt(result, doubt);
    } catch (error) {
      reporter.ended(work, messageOf(error));
      // Its cause is on record as soon as Postgres takes it; the failure does not wait for that.
      reporter.report().catch(() => undefined);
      throw error;
    }
  }

  /** Looks at each process, and asks what is on record about boots only where that can change the answer. */
  async function probeAll(runs: readonly ProcessStamp[], driver: LivenessDriver): Promise<Liveness[]> {
    const first = runs.map((run) => {
      const seen = probeProcess(run, { sharedPidNamespace, driver });
      return { run, seen, inDoubt: bootsInDoubt(run, seen, driver) };
    });
    const wanted = [...new Set(first.flatMap(({ inDoubt }) => inDoubt))];
    if (wanted.length === 0) return first.map(({ seen }) => seen);
    const boots = await readBoots(pool, wanted);
    return first.map(({ run, seen, inDoubt }) =>
      inDoubt.length === 0 ? seen : probeProcess(run, { sharedPidNamespace, driver, boots }),
    );
  }

  async function examinePage(
    after: Cursor | null,
    symptoms: Symptom[],
    counts: { seen: number; dead: number; unknown: number },
  ): Promise<Cursor | null> {
    const page = await readHostRuns(pool, host, after, BATCH);
    // Rows first, then one look at all their processes: what the driver sees is never older than what the rows say.
    const driver = selectDriver().prepare(page.items.map(({ pid }) => pid));
    for (const [index, { state }] of (await probeAll(page.items, driver)).entries()) {
      const run = page.items[index];
      counts.seen += 1;
      if (state === 'unknown') counts.unknown += 1;
      if (state !== 'dead' && state !== 'defunct') continue;
      counts.dead += 1;
      if (run === undefined) continue;
      const { jobId, runKey } = run;
      symptoms.push({ jobId, runKey, host, watchId: names.watchId(run), symptom: state });
    }
    return page.next;
  }

  return {
    /**
     * Reads this host's rows itself, probes them in batches and returns those whose process looks dead or defunct. Where a page
     * behind the first fails, what was found before it is returned, and the next examination begins with that page.
     */
    examineHost(asked: string, after: Cursor | null, budgetMs: number): Promise<HostExamination> {
      const look = async () => {
        const deadline = performance.now() + budgetMs;
        const symptoms: Symptom[] = [];
        const counts = { seen: 0, dead: 0, unknown: 0 };
        let next = after;
        let failure: unknown = null;
        do {
          try {
            next = await examinePage(next, symptoms, counts);
          } catch (error) {
            if (counts.seen === 0) throw error;
            failure = error;
          }
          await setImmediate();
        } while (
          failure === null &&
          next !== null &&
          symptoms.length < SYMPTOM_LIMIT &&
          performance.now() < deadline
        );
        reporter.examined(counts);
        return { result: { symptoms, unknown: counts.unknown, next }, failure };
      };
      return answer('examineHost', asked, look, ({ symptoms, unknown, next }) => ({
        symptoms: [],
        unknown: unknown + symptoms.length,
        next,
      }));
    },

    /** One fresh look at one process of this host. */
    probeRun(asked: string, stamp: ProcessStamp): Promise<Liveness> {
      const look = async () => {
        const [seen] = await probeAll([stamp], selectDriver().prepare([stamp.pid]));
        if (seen === undefined) throw new Error('Expected what one process looks like, got nothing');
        return { result: seen, failure: null };
      };
      return answer('probeRun', asked, look, (seen, doubt) =>
        seen.state === 'dead' || seen.state === 'defunct'
          ? { state: 'unknown', proven: false, evidence: `${doubt}; here ${seen.evidence}` }
          : seen,
      );
    },
  };
}

/** Activities that {@link createProbeActivities} makes. */
export type ProbeActivities = ReturnType<typeof createProbeActivities>;
