import pg from 'pg';
import type { GoneOperation, GoneResult } from '../domain/operation.js';
import { countRunsOfBoot, countRunsOnHost } from './count-runs.js';
import type { Queryable } from './database.js';
import { operate } from './operate.js';

/** SQLSTATEs: its probe still answers, or it is not a boot id. */
const REFUSED = ['RP002', '22023'];

/** Declares a host or a boot gone, and counts the runs that are marked running there. */
export async function declareGone(pool: Queryable, operation: GoneOperation): Promise<GoneResult> {
  try {
    await operate(pool, operation);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || !REFUSED.includes(error.code ?? '')) throw error;
    return { declared: false, why: error.message };
  }
  const runs =
    operation.action === 'host-gone'
      ? await countRunsOnHost(pool, operation.host)
      : await countRunsOfBoot(pool, operation.boot);
  return { declared: true, runs };
}
