import { setImmediate } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { readBoots } from '../db/boots.js';
import type { Queryable } from '../db/database.js';
import type { Cursor } from '../domain/page.js';
import { readHostPage } from '../db/host-pages.js';
import { readHostProcesses, type HostProcess } from '../db/host-processes.js';
import { readHostRuns } from '../db/host-runs.js';
import { doubted, type HostLook, type LookLimits, type LookTarget } from '../domain/host-look.js';
import { processKey, type Liveness, type ProcessStamp } from '../domain/liveness.js';
import { messageOf } from '../domain/trouble.js';
import { bootsInDoubt, driverFor, probeProcess, type LivenessDriver } from '../liveness/index.js';
import type { Names } from '../naming.js';
import { HostReporter } from './host-reporter.js';
import { keepNamed, toHostLook } from './look-at-page.js';
import type { Symptom } from './sweeps.js';
import { Turns } from './turns.js';

/** Processes to probe before other work gets its turn. */
const BATCH = 1_000;
/** Maximum of runs that an examination names, not counting those that the caller knows: what it returns has a bounded size. */
const SYMPTOM_LIMIT = 250;
/** The symptom of a run over its ceiling that is unknown after people were told that it is alive. */
const TO_TELL = 'age';

/**
 * Pages at a time, as many as there are connections for them. All at once, the first one would be done only when the last one is: each
 * ends with a report, which would wait for a connection behind all others.
 */
const PAGES_AT_ONCE = 2;
/** Milliseconds that a page waits for its turn: less than its look may take in all. */
const TURN_MS = 10_000;

/** What a host's probe found among the host's runs. */
export interface HostExamination {
  /** Runs with a symptom, except those that the caller knows. */
  symptoms: Symptom[];
  /** Those with a symptom that the caller knows: their positions in its list. Missing from workers of older versions. */
  known?: [position: number, symptom: string][];
  /** How many have a process that looks dead or defunct, no exit code yet, and so may need a repair. Missing from workers of older versions. */
  dead?: number;
  /** How many without an exit code have a process whose liveness is unknown. */
  unknown: number;
  /** Whether it was cut short. The next examination begins where this one ended. Missing from workers of older versions. */
  isPartial?: boolean;
  /** Always null. Older versions went on here. */
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
  /** How to look at processes. @default this platform's driver, on its own `/proc` */
  driver?: LivenessDriver;
}

/**
 * The activities of one host's probe: a pid means something only on its own host. All they write is that this host was asked, before
 * they answer. That ends any declaration that the host is gone.
 */
export function createProbeActivities(options: ProbeActivitiesOptions) {
  const { pool, names, host, sharedPidNamespace } = options;
  const { driver: platform = driverFor() } = options;
  const { reporter = new HostReporter({ pool, host, driver: platform }) } = options;

  const pages = new Turns(PAGES_AT_ONCE);

  /** Answers with what was seen, and records why it failed. The report comes after the look, so its doubt is about this very look. */
  async function answer<T>(
    work: string,
    asked: string,
    look: () => Promise<T>,
    inDoubt: (result: T, doubt: string) => T,
  ): Promise<T> {
    try {
      if (asked !== host) {
        throw ApplicationFailure.nonRetryable(
          `Expected runs of host "${host}", got host "${asked}": set REAPER_HOST to the name in the rows`,
          'WrongHost',
        );
      }
      const result = await look();
      reporter.ended(work, null);
      const { doubt } = await reporter.report();
      return doubt === null ? result : inDoubt(result, doubt);
    } catch (error) {
      reporter.ended(work, messageOf(error));
      // The cause is recorded as soon as Postgres takes it; the failure does not wait for that.
      reporter.report().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Probes each process, and reads what is on record about boots only if that can change the answer.
   *
   * @param sinceMs what the driver sees must not be older; by default it looks now
   */
  async function probeAll(runs: readonly ProcessStamp[], sinceMs = performance.now()): Promise<Liveness[]> {
    const driver = await platform.prepare(runs, { sinceMs });
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
    const keys = runs.map(processKey);
    const processes = new Map(keys.map((key, n) => [key, runs[n]]));
    const stamps = [...processes.values()].filter((run) => run !== undefined);
    const seen = await probeAll(stamps);
    const byKey = new Map([...processes.keys()].map((key, n) => [key, seen[n]]));
    return keys.flatMap((key) => byKey.get(key) ?? []);
  }

  /** Where the next examination begins among the host's processes: one that is cut short must not leave out the same ones again. */
  let begin = 0;

  /** Looks at each process once. What was not looked at in time is left out. */
  async function probeEach(processes: readonly ProcessStamp[], deadline: number) {
    const readMs = performance.now();
    const inTurn = [...processes];
    inTurn.push(...inTurn.splice(0, begin < inTurn.length ? begin : 0));
    const seen = new Map<string, Liveness['state']>();
    let done = 0;
    while (done < inTurn.length && (done === 0 || performance.now() < deadline)) {
      const batch = inTurn.slice(done, done + BATCH);
      // Rows first, then one look at all their processes: what the driver sees is never older than the rows.
      for (const [index, { state }] of (await probeAll(batch, readMs)).entries()) {
        const run = batch[index];
        if (run !== undefined) seen.set(processKey(run), state);
      }
      done += batch.length;
      await setImmediate();
    }
    const isPartial = done < inTurn.length;
    begin = isPartial ? (begin + done) % inTurn.length : 0;
    return { seen, isPartial };
  }

  async function examine(known: readonly string[], deadline: number): Promise<HostExamination> {
    // By process: rows of a fleet that is well are counted in Postgres, and only those that show something are read one by one.
    const processes = await readHostProcesses(pool, host);
    const { seen, isPartial } = await probeEach(processes, deadline);
    const found: Required<HostExamination> = {
      symptoms: [],
      known: [],
      dead: 0,
      unknown: 0,
      isPartial,
      next: null,
    };
    const symptoms = new Map<string, string>();
    const shown: HostProcess[] = [];
    for (const each of processes) {
      const state = seen.get(processKey(each));
      if (state === undefined || state === 'alive') continue;
      if (state === 'unknown') found.unknown += each.runs;
      else found.dead += each.runs;
      if (state === 'unknown' && !each.hasAlerted) continue;
      shown.push(each);
      symptoms.set(processKey(each), state === 'unknown' ? TO_TELL : state);
    }
    const positions = new Map(known.map((watchId, position) => [watchId, position]));
    for (const run of shown.length === 0 ? [] : await readHostRuns(pool, host, { of: shown })) {
      const symptom = symptoms.get(processKey(run));
      // With an exit code, that decides, as its row shows: whether its monitor is still finalizing, or is gone too.
      if (symptom === undefined || run.exited || (symptom === TO_TELL && !run.alertedAlive)) continue;
      const { jobId, runKey } = run;
      const watchId = names.watchId(run);
      const position = positions.get(watchId);
      if (position !== undefined) found.known.push([position, symptom]);
      else if (found.symptoms.length < SYMPTOM_LIMIT)
        found.symptoms.push({ jobId, runKey, host, watchId, symptom });
    }
    if (!isPartial) {
      const { dead, unknown } = found;
      reporter.examined({ seen: sum(processes.map(({ runs }) => runs)), dead, unknown }, false);
    }
    return found;
  }

  return {
    /**
     * Reads this host's rows itself, probes their processes and returns the runs whose process looks dead or defunct, or is unknown
     * after people were told that it is alive over its ceiling.
     *
     * @param _after where an older version's workflow would continue; each examination begins anew
     * @param known ids of watches whose runs need not be named, so that these do not hide others; it is enough to say which of them
     *   show a symptom
     */
    examineHost(
      asked: string,
      _after: Cursor | null,
      budgetMs: number,
      known: readonly string[] = [],
    ): Promise<HostExamination> {
      const look = () => examine(known, performance.now() + budgetMs);
      return answer(
        'examineHost',
        asked,
        look,
        ({ symptoms, known: watched = [], dead = 0, unknown, ...rest }) => ({
          ...rest,
          symptoms: symptoms.filter(({ symptom }) => symptom === TO_TELL),
          known: watched.filter(([, symptom]) => symptom === TO_TELL),
          dead: 0,
          unknown: unknown + dead,
        }),
      );
    },

    /** Looks at many runs of this host for its host watch: reads their rows in one query, then probes each process once. */
    lookAtHost(asked: string, { page, named }: LookTarget, limits: LookLimits): Promise<HostLook> {
      const look = async () => {
        const rows = keepNamed(await readHostPage(pool, host, page), named);
        // Rows first: what the driver sees is never older than they are.
        return toHostLook(rows, await probeGrouped(rows), limits, named);
      };
      const inDoubt = (found: HostLook, doubt: string) => ({
        ...found,
        kinds: found.kinds.map((kind) =>
          kind.state === 'dead' || kind.state === 'defunct' ? doubted(kind, `${doubt}; here `) : kind,
        ),
      });
      const askedMs = performance.now();
      return pages.take(() => {
        // By then nobody waits for it any more.
        if (performance.now() - askedMs > TURN_MS)
          throw new Error(
            `Expected a turn to look at a page within ${TURN_MS / 1000} s, but other pages took longer: Postgres is slow, or silent`,
          );
        return answer('lookAtHost', asked, look, inDoubt);
      });
    },

    /** Probes one process of this host now. */
    probeRun(asked: string, stamp: ProcessStamp): Promise<Liveness> {
      const look = async () => {
        const [seen] = await probeAll([stamp]);
        if (seen === undefined) throw new Error('Expected the liveness of one process, got none');
        return seen;
      };
      return answer('probeRun', asked, look, (seen, doubt) =>
        seen.state === 'dead' || seen.state === 'defunct'
          ? { state: 'unknown', proven: false, evidence: `${doubt}; here ${seen.evidence}` }
          : seen,
      );
    },
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** Activities that {@link createProbeActivities} makes. */
export type ProbeActivities = ReturnType<typeof createProbeActivities>;
