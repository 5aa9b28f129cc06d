import type { Client } from '@temporalio/client';
import type { Database } from '../../db/database.js';
import type { Pool } from '../../db/pool.js';
import { findServerState } from '../../db/server-state.js';
import type { Settings } from '../../config.js';
import type { Names } from '../../naming.js';

/** What the checks use. */
export interface DoctorContext {
  settings: Settings;
  names: Names;
  namespace: string;
  /** Connected as the login of DATABASE_URL. */
  pool: Database & Pick<Pool, 'readBack'>;
  /** Connected as the login of DATABASE_ADMIN_URL; null if that is not set. */
  admin: Database | null;
  /** What the queue's workers connect to, such as a pooler; null if not given. */
  workerUrl: string | null;
  /**
   * Connects to Temporal on the first call.
   *
   * @throws when Temporal does not answer
   */
  temporal: () => Promise<Client>;
}

/** The result: `warn` works, but not as well as it should; `fail` does not work. */
export type Level = 'ok' | 'warn' | 'fail';

/** One thing that was checked. */
export interface Finding {
  level: Level;
  expected: string;
  got: string;
  /** What to do about it; null if there is nothing to do. */
  todo: string | null;
}

/** What a check needs; without it, the check is skipped. */
export type Need = 'postgres' | 'schema' | 'temporal' | 'namespace';

/** One check of an installation. */
export interface Check {
  name: string;
  needs: readonly Need[];
  /** What it proves for the checks after it if none of its findings is a failure. */
  proves?: Need;
  /**
   * Checks, and changes nothing.
   *
   * @throws any error; it counts as a failure, with its message
   */
  run: (context: DoctorContext) => Promise<Finding[]>;
}

export const ok = (expected: string, got: string): Finding => ({ level: 'ok', expected, got, todo: null });
export const warn = (expected: string, got: string, todo: string): Finding => ({
  level: 'warn',
  expected,
  got,
  todo,
});
export const fail = (expected: string, got: string, todo: string): Finding => ({
  level: 'fail',
  expected,
  got,
  todo,
});

/** The finding for an error whose cause is the server's state, such as a full disk, whatever was checked; null for any other error. */
export function ofServerState(error: unknown): Finding | null {
  const state = findServerState(error);
  return state && fail(state.expected, state.message, state.todo);
}
