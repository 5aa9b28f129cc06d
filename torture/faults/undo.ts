import { setTimeout } from 'node:timers/promises';

/** Seconds in which a server that is away comes back. */
const LIMIT_S = 90;

/** Undoes what would not pass by itself; retries while something that it needs is away. */
export async function undo(work: () => Promise<unknown>): Promise<void> {
  for (const deadline = Date.now() + LIMIT_S * 1000; ;) {
    try {
      await work();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await setTimeout(500);
    }
  }
}
