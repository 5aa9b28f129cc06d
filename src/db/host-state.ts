import type { Queryable } from './database.js';

/** What is on record about one host. */
export interface HostState {
  /** When a probe there last answered or reported, or null. */
  answeredAt: Date | null;
  /** Who last declared it gone, and when; or null. */
  gone: { by: string; declaredAt: Date } | null;
  /** Why its probe fails, as long as it reports that; or null. */
  failing: string | null;
  /** What is wrong with its probes, in words. */
  warnings: string[];
}

/** Reads what sweeps and operators have put on record about a host. */
export async function readHostState(pool: Queryable, host: string): Promise<HostState> {
  const { rows } = await pool.query<Omit<HostState, 'gone'> & { by: string | null; declaredAt: Date | null }>(
    `select reaper.host_answered_at(h.host) as "answeredAt", g.by, g.declared_at as "declaredAt",
            (select b.failing from reaper.host_boot b
              where b.host = h.host and b.last_seen_at > (select reaper.now()) - (select reaper.report_window())
              order by b.last_seen_at desc limit 1) as failing,
            array(select w.what from reaper.host_warning w where w.host = h.host order by 1) as warnings
       from (select $1::text as host) h
       left join reaper.gone_host g on g.host = h.host`,
    [host],
  );
  const { answeredAt = null, by = null, declaredAt = null, failing = null, warnings = [] } = rows[0] ?? {};
  const gone = by !== null && declaredAt !== null ? { by, declaredAt } : null;
  return { answeredAt, gone, failing, warnings };
}
