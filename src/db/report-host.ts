import type { Queryable } from './database.js';

/** A process as its boot and pid namespace know it. */
export interface ReporterProcess {
  pid: number;
  /** Its start ticks, as in a stamp. */
  start: string;
}

/** Which process reports, as far as it shows that two machines have one boot id; see `reaper.note_reporter`. */
export interface Reporter extends ReporterProcess {
  /** Tells reporters of one process apart. */
  instance: string;
  /** As the last answer said; null where that is not known, since there was none or it was lost. */
  turn: number | null;
  /** The database's clock as the process reckons it, in milliseconds; never ahead of it. */
  sentMs: number;
  /** Of the others that the last answer named, those that are not in this pid namespace, and when that was first seen, likewise. */
  absent: readonly (ReporterProcess & { atMs: number })[];
  /** It reports no more. */
  isLeaving: boolean;
}

/** What the database says to a {@link Reporter}. */
export interface ReporterAnswer {
  /** The database's clock in milliseconds. */
  nowMs: number;
  turn: number | null;
  /** The report was under way for so long that it counts for nothing. */
  isLate: boolean;
  /** The boot counts as two machines'. */
  isTwice: boolean;
  /** Who else has reported from this boot and namespace of late. */
  others: ReporterProcess[];
}

/** What a probe says of itself. */
export interface HostReport {
  host: string;
  /** Empty where the platform has no boot ids; so is the namespace. */
  boot: string;
  pidNamespace: string;
  /** Empty where the machine has none. */
  machineId: string;
  /** Seen from the kernel's first pid namespace, with a boot id that is the kernel's own. */
  isInitial: boolean;
  /** How long kernel and pid 1 have run; null where they were not measured this time. */
  uptimes: {
    /** The database's clock before they were measured. */
    measuredAt: Date;
    kernelS: number | null;
    pid1S: number | null;
  } | null;
  /** What the last examination saw; null where there was none since the report before. */
  examined: { seen: number; dead: number; unknown: number } | null;
  /** What the probe fails with, or null. */
  failing: string | null;
  /** Null where it cannot be told. @default null */
  reporter?: Reporter | null;
}

/** What a probe has to know of the reaper. */
export interface HostOrders {
  /** Seconds between two reports. */
  intervalS: number;
  enabled: boolean;
  paused: boolean;
  /** Null where nothing was said of the process. */
  reporter: ReporterAnswer | null;
}

/**
 * Puts a probe's report on record: one small upsert. It ends what was declared of its host or boot.
 *
 * @throws with SQLSTATE 22023 for what no probe can be
 */
export async function reportHost(pool: Queryable, report: HostReport): Promise<HostOrders> {
  const { uptimes, examined } = report;
  const { rows } = await pool.query<HostOrders>(
    `select interval_s as "intervalS", enabled, paused, reporter
       from reaper.report_host(p_host => $1, p_boot => $2, p_pid_namespace => $3, p_machine_id => $4, p_is_initial => $5,
              p_measured_at => $6, p_uptime_s => $7, p_pid1_age_s => $8, p_seen => $9, p_dead => $10, p_unknown => $11,
              p_failing => $12, p_reporter => $13)`,
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
      report.failing,
      report.reporter ? JSON.stringify(report.reporter) : null,
    ],
  );
  const orders = rows[0];
  if (orders === undefined)
    throw new Error('Expected one row of reaper.report_host, got none: run job-reaper migrate');
  return orders;
}

/** The database's clock. */
export async function readDatabaseNow(pool: Queryable): Promise<Date> {
  const { rows } = await pool.query<{ now: Date }>('select reaper.now() as now');
  const now = rows[0]?.now;
  if (now === undefined) throw new Error('Expected the time of reaper.now(), got nothing');
  return now;
}
