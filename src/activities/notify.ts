import type { Pool } from 'pg';
import { settle } from '../db/ledger.js';

/** The activities that tell people. */
export function createNotifyActivities({ pool }: { pool: Pool }) {
  return {
    /** Settles what one claim still owes. Reads the claim from the ledger, so it can be done by anybody at any time. */
    async settleOwed(ledgerId: number): Promise<void> {
      await settle(pool, ledgerId);
    },
  };
}

/** Activities that {@link createNotifyActivities} makes. */
export type NotifyActivities = ReturnType<typeof createNotifyActivities>;
