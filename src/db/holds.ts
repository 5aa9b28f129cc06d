import type { Queryable } from './database.js';
import type { HoldKind } from '../domain/operation.js';

/** A hold that is in force. */
export interface Hold {
  kind: HoldKind;
  value: string;
  reason: string;
  by: string;
  createdAt: Date;
  until: Date;
}

/** All holds in force, the one that ends last first. */
export async function listHolds(pool: Queryable): Promise<Hold[]> {
  const { rows } = await pool.query<Hold>(
    `select kind, value, reason, by, created_at as "createdAt", until
       from reaper.hold
      where until > (select reaper.now())
      order by until desc, kind, value`,
  );
  return rows;
}
