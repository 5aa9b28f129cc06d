import { setImmediate } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { readBoots } from '../db/boots.js';
import type { Queryable } from '../db/database.js';
import type { Cursor } from '../domain/page.js';
import { readHostPage } from '../db/host-pages.js';
import { readHostRuns } from '../db/host-runs.js';
import type { HostLook, LookLimits, LookTarget } from '../domain/host-look.js';
import type { Liveness, ProcessStamp } from '../domain/liveness.js';
import { messageOf } from '../domain/trouble.js';
import { bootsInDoubt, probeProcess, selectDriver, type LivenessDriver } from '../liveness/index.js';
import type { Names } from '../naming.js';
import { HostReporter } from './host-reporter.js';
import { keepNamed, toHostLook } from './look-at-page.js';
import type { Symptom } from './sweeps.js';

/** Rows to read and probe before other work gets its turn. */
const BATCH = 1_000;
/** Symptoms after which an examination stops; the next one continues after them. */
const SYMPTOM_LIMIT = 250;
/** The symptom of a run over its ceiling that is unknown after people were told that it is alive. */
const TO_TELL = 'age';

/** What a host's probe found among the host's runs. */
export interface HostExamination {
  symptoms: Symptom[];
  /** How many of the rows that it saw have a process whose liveness is unknown. */
  unknown: number;
  /** Where the next examination continues, or null if this one saw all rows. */
  next: Cursor | null;
}

/** What {@link createProbeActivities} needs. */
export interface ProbeActivitiesOptions {
  pool: Queryable;
  names: Names;
  /** This host, as the job rows name it. */
  host: string;
  sharedPidNamespace: boolean;
  /** This process's reporter. @default a new one */
  reporter?: HostReporter;
}

/**
 * The activities of one host's probe: a pid means something only on its own host. All they write is that this host was asked, before
 * they answer. That ends any declaration that the host is gone.
 */
export function createProbeActivities(options: ProbeActivitiesOptions) {
  const { pool, names, host, sharedPidNamespace } = options;
  const { reporter = new HostReporter({ pool, host }) } = options;

  /**
   * Answers with what was seen and records what failed; a later failure does not hold back what was seen before. The report comes
   * after the look, so its doubt is about this very look.
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
          `Expected runs of host "${host}", got host "${asked}": set REAPER_HOST to the name in the rows`,
          'WrongHost',
        );
      }
      const { result, failure } = await look();
      reporter.ended(work, failure === null ? null : messageOf(failure));
      const { doubt } = await reporter.report();
      return doubt === null ? result : inDoubt(result, doubt);
    } catch (error) {
      reporter.ended(work, messageOf(error));
      // The cause is recorded as soon as Postgres takes it; the failure does not wait for that.
      reporter.report().catch(() => undefined);
      throw error;
    }
  }

  /** Probes each process, and reads what is on record about boots only if that can change the answer. */
  async function probeAll(runs: readonly ProcessStamp[], driver: LivenessDriver): Promise<Liveness[]> {
    const first = runs.map((run) => {
      const seen = probeProcess(run, { sharedPidNamespace, driver });
      return { run, seen, inDoubt: bootsInDoubt(run, seen, driver) };
    });
    const wanted = [...new Set(first.flatMap(({ inDoubt }) => inDoubt))];
    if (wanted.length === 0) return first.map(({ seen }) => seen);
    const stamps = first.flatMap(({ run, inDoubt }) =>
      inDoubt.length === 0 ? [] : (run.processIdentity ?? []),
    );
    const boots = await readBoots(pool, wanted, stamps);
    return first.map(({ run, seen, inDoubt }) =>
      inDoubt.length === 0 ? seen : probeProcess(run, { sharedPidNamespace, driver, boots }),
    );
  }

  /** Like {@link probeAll}, each process once: many runs can name the same one. */
  async function probeGrouped(runs: readonly ProcessStamp[]): Promise<Liveness[]> {
    const keys = runs.map(({ pid, processIdentity }) => JSON.stringify([pid, processIdentity]));
    const processes = new Map(keys.map((key, n) => [key, runs[n]]));
    const stamps = [...processes.values()].filter((run) => run !== undefined);
    const seen = await probeAll(stamps, selectDriver().prepare(stamps.map(({ pid }) => pid)));
    const byKey = new Map([...processes.keys()].map((key, n) => [key, seen[n]]));
    return keys.flatMap((key) => byKey.get(key) ?? []);
  }

  async function examinePage(
    after: Cursor | null,
    symptoms: Symptom[],
    counts: { seen: number; dead: number; unknown: number },
  ): Promise<Cursor | null> {
    const page = await readHostRuns(pool, host, after, BATCH);
    // Rows first, then one look at all their processes: what the driver sees is never older than the rows.
    const driver = selectDriver().prepare(page.items.map(({ pid }) => pid));
    for (const [index, { state }] of (await probeAll(page.items, driver)).entries()) {
      const run = page.items[index];
      counts.seen += 1;
      if (state === 'unknown') counts.unknown += 1;
      if (state === 'dead' || state === 'defunct') counts.dead += 1;
      if (run === undefined || state === 'alive' || (state === 'unknown' && !run.alertedAlive)) continue;
      const { jobId, runKey } = run;
      const symptom = state === 'unknown' ? TO_TELL : state;
      symptoms.push({ jobId, runKey, host, watchId: names.watchId(run), symptom });
    }
    return page.next;
  }

  return {
    /**
     * Reads this host's rows itself, probes them in batches and returns those whose process looks dead or defunct, or is unknown after
     * people were told that it is alive over its ceiling. If a page after the first fails, returns what was found before it; the next
     * examination begins with that page.
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
      return answer('examineHost', asked, look, ({ symptoms, unknown, next }) => {
        const toTell = symptoms.filter(({ symptom }) => symptom === TO_TELL);
        return { symptoms: toTell, unknown: unknown + symptoms.length - toTell.length, next };
      });
    },

    /** Looks at many runs of this host for its host watch: reads their rows in one query, then probes each process once. */
    lookAtHost(asked: string, { page, named }: LookTarget, limits: LookLimits): Promise<HostLook> {
      const look = async () => {
        const rows = keepNamed(await readHostPage(pool, host, page), named);
        // Rows first: what the driver sees is never older than they are.
        const result = toHostLook(rows, await probeGrouped(rows), limits, named);
        return { result, failure: null };
      };
      return answer('lookAtHost', asked, look, (found, doubt) => ({
        ...found,
        kinds: found.kinds.map((kind) =>
          kind.state === 'dead' || kind.state === 'defunct'
            ? {
                ...kind,
                state: 'unknown',
                proven: false,
                parts: [`${doubt}; here ${kind.parts[0] ?? ''}`, ...kind.parts.slice(1)],
              }
            : kind,
        ),
      }));
    },

    /** Probes one process of this host now. */
    probeRun(asked: string, stamp: ProcessStamp): Promise<Liveness> {
      const look = async () => {
        const [seen] = await probeAll([stamp], selectDriver().prepare([stamp.pid]));
        if (seen === undefined) throw new Error('Expected the liveness of one process, got none');
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
