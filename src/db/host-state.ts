import type { Queryable } from './database.js';

/** What is on record about one host. */
export interface HostState {
  /** When a probe there answered last, or null. */
  answeredAt: Date | null;
  /** Who declared it gone last, and when; or null. */
  gone: { by: string; declaredAt: Date } | null;
}

/** Reads what sweeps and operators have put on record about a host. */
export async function readHostState(pool: Queryable, host: string): Promise<HostState> {
  const { rows } = await pool.query<{ answeredAt: Date | null; by: string | null; declaredAt: Date | null }>(
    `select p.answered_at as "answeredAt", g.by, g.declared_at as "declaredAt"
       from (select $1::text as host) h
       left join reaper.host_probe p on p.host = h.host
       left join reaper.gone_host g on g.host = h.host`,
    [host],
  );
  const { answeredAt = null, by = null, declaredAt = null } = rows[0] ?? {};
  return { answeredAt, gone: by !== null && declaredAt !== null ? { by, declaredAt } : null };
}
