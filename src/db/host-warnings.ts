import type { Queryable } from './database.js';

/** Something wrong with the probes of one host. */
export interface HostWarning {
  host: string;
  /** In words: two machines under one name, a probe that fails, a boot that two machines share. */
  what: string;
}

/** Reads what is wrong with the probes of all hosts. */
export async function readHostWarnings(pool: Queryable): Promise<HostWarning[]> {
  const { rows } = await pool.query<HostWarning>(
    'select host, what from reaper.host_warning order by host, what',
  );
  return rows;
}
