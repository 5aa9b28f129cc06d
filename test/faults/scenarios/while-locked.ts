import type { World } from '../world/world.js';

/** Holds a lock while something happens. */
export async function whileLocked(
  { admin }: World,
  sql: string,
  work: (pid: number) => Promise<void>,
): Promise<void> {
  const lock = await admin.connect();
  try {
    await lock.query('begin');
    await lock.query(sql);
    const { rows } = await lock.query<{ pid: number }>('select pg_backend_pid() as pid');
    await work(rows[0]?.pid ?? 0);
  } finally {
    await lock.query('rollback');
    lock.release();
  }
}
