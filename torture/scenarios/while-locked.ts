import { inOpenTransaction } from '../world/open-transaction.js';
import type { World } from '../world/world.js';

/** Holds a lock while something happens. */
export async function whileLocked(
  { admin }: World,
  sql: string,
  work: (pid: number) => Promise<void>,
): Promise<void> {
  await inOpenTransaction(admin, async (lock) => {
    await lock.query(sql);
    const { rows } = await lock.query<{ pid: number }>('select pg_backend_pid() as pid');
    await work(rows[0]?.pid ?? 0);
  });
}
