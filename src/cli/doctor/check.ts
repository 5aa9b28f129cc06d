import type { Client } from '@temporalio/client';
import type { Database } from '../../db/database.js';
import type { Pool } from '../../db/pool.js';
import type { Settings } from '../../config.js';
import type { Names } from '../../naming.js';

/** What the checks look at. */
export interface DoctorContext {
  settings: Settings;
  names: Names;
  namespace: string;
  /** As DATABASE_URL's login. */
  pool: Database & Pick<Pool, 'readBack'>;
  /** As DATABASE_ADMIN_URL's login; null where it is not set. */
  admin: Database | null;
  /**
   * The connection to Temporal, made when it is first asked for.
   *
   * @throws when Temporal does not answer
   */
  temporal: () => Promise<Client>;
}

/** How a thing stands: `warn` works, but not as well as it should; `fail` does not. */
export type Level = 'ok' | 'warn' | 'fail';

/** One thing that was looked at. */
export interface Finding {
  level: Level;
  expected: string;
  got: string;
  /** What to do about it; null when there is nothing to do. */
  todo: string | null;
}

/** What a check cannot do without; when it is not there, the check is left out. */
export type Need = 'postgres' | 'schema' | 'temporal' | 'namespace';

/** One check of an installation. */
export interface Check {
  name: string;
  needs: readonly Need[];
  /** What it proves for the checks after it, when none of its findings is a failure. */
  proves?: Need;
  /**
   * Looks, and changes nothing.
   *
   * @throws whatever goes wrong; that counts as a failure, with its message
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
