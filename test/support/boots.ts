import type pg from 'pg';
import type { HostReport, Reporter, ReporterProcess } from '../../src/db/report-host.js';

export const INITIAL_NAMESPACE = '4026531836';
export const BOOT_A = 'aaaaaaaa-0000-4000-8000-000000000000';
export const BOOT_B = 'bbbbbbbb-0000-4000-8000-000000000000';

/** What the probe of a healthy host reports, without a process that reports it. */
export const HOST_REPORT: HostReport = {
  host: 'host-1',
  boot: BOOT_A,
  pidNamespace: INITIAL_NAMESPACE,
  machineId: 'a'.repeat(32),
  isInitial: true,
  uptimes: null,
  examined: null,
  failing: null,
};

/** A process that reports; omitted values are those of one that knows nothing yet. */
export function reporterOf(me: ReporterProcess & Partial<Reporter>): Reporter {
  return {
    instance: '0.1',
    turn: null,
    // A whole millisecond is behind the answers that came within it.
    sentMs: Date.now() + 1,
    absent: [],
    seen: [],
    isLeaving: false,
    ...me,
  };
}

/** A line of `reaper.host_boot`; omitted values have healthy defaults. Seconds count back from now. */
export interface BootRow {
  boot: string;
  host?: string;
  pidNamespace?: string;
  machineId?: string;
  isInitial?: boolean;
  beganS?: number | null;
  pid1S?: number | null;
  firstSeenS?: number;
  lastSeenS?: number;
  failing?: string | null;
}

/** What a probe that no longer reports has left behind. */
export async function insertBoot(admin: pg.Pool, row: BootRow): Promise<void> {
  const { beganS = 7_200, pid1S = beganS, firstSeenS = 7_000, lastSeenS = 600, failing = null } = row;
  await admin.query(
    `insert into reaper.host_boot (boot, pid_namespace, host, machine_id, is_initial, began_at, told_began_at, pid1_began_at,
                                   first_seen_at, last_seen_at, failing, failing_since)
     select $1, $2, $3, $4, $5, n.now - make_interval(secs => $6), n.now - make_interval(secs => $6),
            n.now - make_interval(secs => $7), n.now - make_interval(secs => $8), n.now - make_interval(secs => $9), $10,
            case when $10::text is not null then n.now end
       from (select reaper.now() as now) n`,
    [
      row.boot,
      row.pidNamespace ?? INITIAL_NAMESPACE,
      row.host ?? 'host-1',
      row.machineId ?? 'a'.repeat(32),
      row.isInitial ?? true,
      beganS,
      pid1S,
      firstSeenS,
      lastSeenS,
      failing,
    ],
  );
}
