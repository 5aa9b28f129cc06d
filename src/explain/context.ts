import type { Client } from '@temporalio/client';
import type { Settings } from '../config.js';
import type { Database } from '../db/database.js';
import type { Names } from '../naming.js';

/** What an explanation asks. */
export interface ExplainContext {
  settings: Pick<Settings, 'REAPER_HOST' | 'REAPER_SHARED_PID_NAMESPACE' | 'REAPER_PROC'>;
  names: Names;
  /** Queries Postgres. */
  query: <T>(work: (pool: Database) => Promise<T>) => Promise<T>;
  /**
   * Calls Temporal.
   *
   * @param limitMs how many milliseconds to wait for an answer
   * @throws what `work` throws, and when Temporal does not answer
   */
  temporal: <T>(limitMs: number, work: (client: Client) => Promise<T>) => Promise<T>;
}
