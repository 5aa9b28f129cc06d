import type { Queryable } from './database.js';
import { withStorableText } from './storable-text.js';

/** A process within its boot and pid namespace. */
export interface ReporterProcess {
  pid: number;
  /** Its start ticks, as in a stamp. */
  start: string;
}

/** The reporting process, to detect that two machines have one boot id; see `reaper.note_reporter`. */
export interface Reporter extends ReporterProcess {
  /** Tells reporters of one process apart. */
  instance: string;
  /** From the last answer; null if there was none, or it was lost. */
  turn: number | null;
  /** The process's estimate of the database's clock, in milliseconds; never ahead of it. */
  sentMs: number;
  /** Those of the last answer's others that are not in this pid namespace, and when that was first seen, by the same estimate. */
  absent: readonly (ReporterProcess & { atMs: number })[];
  /** Those of the last answer's others that it has seen alive in this pid namespace. */
  seen: readonly ReporterProcess[];
  /** This is its last report. */
  isLeaving: boolean;
}

/** Another process that recently reported from the same boot and pid namespace. */
export interface OtherReporter extends ReporterProcess {
  /** When it last reported, by the database's clock in milliseconds. */
  lastMs: number;
  /** The processes that have seen it alive in their pid namespace, and recently reported. */
  seenBy: readonly ReporterProcess[];
}

/** The database's answer to a {@link Reporter}. */
export interface ReporterAnswer {
  /** The database's clock in milliseconds. */
  nowMs: number;
  turn: number | null;
  /** The report took so long that it does not count. */
  isLate: boolean;
  /** The boot counts as shared by two machines. */
  isTwice: boolean;
  /** At most 200, those first that this reporter has not seen. */
  others: OtherReporter[];
}

/** What one examination of all runs of a host saw. */
export interface Examined {
  seen: number;
  /** Those whose process looks dead or defunct, and whose exit code is not recorded. */
  dead: number;
  unknown: number;
  /** The probe looked by itself. As long as it does, and nothing is wrong, sweeps need not ask this host. @default false */
  byItself?: boolean;
}

/** What a probe reports about itself. */
export interface HostReport {
  host: string;
  /** Empty if the platform has no boot ids; so is the namespace. */
  boot: string;
  pidNamespace: string;
  /** Empty if the machine has none. */
  machineId: string;
  /** Whether it reports from the kernel's first pid namespace, with a boot id that is the kernel's own. */
  isInitial: boolean;
  /** How long kernel and pid 1 have been running; null if not measured this time. */
  uptimes: {
    /** The database's clock, read before they were measured. */
    measuredAt: Date;
    kernelS: number | null;
    pid1S: number | null;
  } | null;
  /** What the last examination saw; null if there was none since the previous report. */
  examined: Examined | null;
  /** Why the probe fails, or null. */
  failing: string | null;
  /** Null if it cannot identify itself. @default null */
  reporter?: Reporter | null;
}

/** What a probe has to know about the reaper. */
export interface HostOrders {
  /** Seconds between two reports. */
  intervalS: number;
  enabled: boolean;
  paused: boolean;
  /** Null if the report named no process. */
  reporter: ReporterAnswer | null;
}

/**
 * Records a probe's report: one small upsert. It ends what was declared about its host or boot.
 *
 * @throws with SQLSTATE 22023 for values that no probe can have
 */
export async function reportHost(pool: Queryable, report: HostReport): Promise<HostOrders> {
  const { uptimes, examined } = report;
  const { rows } = await withStorableText((fit) =>
    pool.query<HostOrders>(
      `select interval_s as "intervalS", enabled, paused, reporter
         from reaper.report_host(p_host => $1, p_boot => $2, p_pid_namespace => $3, p_machine_id => $4, p_is_initial => $5,
                p_measured_at => $6, p_uptime_s => $7, p_pid1_age_s => $8, p_seen => $9, p_dead => $10, p_unknown => $11,
                p_failing => $12, p_reporter => $13, p_by_itself => $14)`,
      [
        report.host,
        report.boot,
        report.pidNamespace,
        report.machineId,
        report.isInitial,
        uptimes?.measuredAt ?? null,
        uptimes?.kernelS ?? null,
        uptimes?.pid1S ?? null,
        examined?.seen ?? null,
        examined?.dead ?? null,
        examined?.unknown ?? null,
        fit(report.failing),
        report.reporter ? JSON.stringify(fit(report.reporter)) : null,
        examined?.byItself ?? false,
      ],
    ),
  );
  const orders = rows[0];
  if (orders === undefined)
    throw new Error('Expected one row from reaper.report_host, got none: run job-reaper migrate');
  return orders;
}

/** The database's clock. */
export async function readDatabaseNow(pool: Queryable): Promise<Date> {
  const { rows } = await pool.query<{ now: Date }>('select reaper.now() as now');
  const now = rows[0]?.now;
  if (now === undefined) throw new Error('Expected the time of reaper.now(), got nothing');
  return now;
}
