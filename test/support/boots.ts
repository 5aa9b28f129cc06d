import type pg from 'pg';

export const INITIAL_NAMESPACE = '4026531836';

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
